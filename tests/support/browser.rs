//! A page as a browser shows it: headless Chromium, and a script that looks at what it rendered.
//!
//! A window of Chromium is at least 500 pixels wide, so the page is shown in a frame of the width that is wanted.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Looks at the rendered page and tells what it finds to the page around it.
const LOOK: &str = r#"
(() => {
  const width = document.documentElement.clientWidth;
  const name = e => e.tagName + '.' + (e.getAttribute('class') || '') + ' ' + (e.textContent || '').trim().slice(0, 40);
  const rect = e => e.getBoundingClientRect();
  const shown = e => e.getClientRects().length > 0 && rect(e).width > 0 && rect(e).height > 0;
  // What stands in a box that scrolls by itself may be wider than the page.
  const over = [...document.querySelectorAll('body *')]
    .filter(e => !e.parentElement.closest('.scroll, pre') && !e.closest('svg'))
    .filter(e => shown(e) && (rect(e).right > width + 1 || rect(e).left < -1)).map(name);
  const plots = [...document.querySelectorAll('.plot')].map(plot => {
    const svgs = [...plot.querySelectorAll('svg')].filter(shown);
    const texts = svgs.flatMap(svg => [...svg.querySelectorAll('text')].map(t => [t.textContent.trim(), rect(t), rect(svg)]));
    const collisions = [];
    for (let i = 0; i < texts.length; i++) {
      const [a, ra, rs] = texts[i];
      if (ra.left < rs.left - 1 || ra.right > rs.right + 1 || ra.bottom > rs.bottom + 1) collisions.push(a + ' leaves the plot');
      for (let j = 0; j < i; j++) {
        const [b, rb] = texts[j];
        if (ra.left < rb.right - 1 && rb.left < ra.right - 1 && ra.top < rb.bottom - 3 && rb.top < ra.bottom - 3) collisions.push(a + ' × ' + b);
      }
    }
    const line = svgs[0] && svgs[0].querySelector('polyline[stroke-width="4"]');
    return { id: plot.parentElement.id, drawings: svgs.length, width: svgs[0] ? rect(svgs[0]).width : 0,
      height: svgs[0] ? rect(svgs[0]).height : 0, label: plot.getAttribute('aria-label') || '', collisions,
      stroke: line ? getComputedStyle(line).stroke : '' };
  });
  parent.postMessage('LOOK' + JSON.stringify({ width, page: document.documentElement.scrollWidth, over, plots,
    ground: getComputedStyle(document.body).backgroundColor, letters: getComputedStyle(document.body).color,
    foreign: document.querySelectorAll('img, iframe, object, embed, link, a[href], form, base').length,
    harmed: window.harmed === 1 }) + 'KOOL', '*');
})();
"#;

/// How a page is to be shown.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub width: u32,
    pub dark: bool,
}

/// What was found on the page.
pub fn look(page: &str, window: Window) -> Value {
    let folder = tempfile::tempdir().unwrap();
    // Without the rule that no script may run: ours has to, and a name that smuggles one in should be caught by its escaping alone.
    let rule = page
        .find("<meta http-equiv=\"Content-Security-Policy\"")
        .expect("the page forbids scripts");
    let end = rule + page[rule..].find('>').unwrap() + 1;
    let script = format!("<script>{LOOK}</script></body>");
    let with_script = format!(
        "{}{}",
        &page[..rule],
        page[end..].replace("</body>", &script)
    );
    assert_eq!(with_script.matches(LOOK).count(), 1, "one end of the body");
    let path = folder.path().join("page.html");
    fs::write(&path, with_script).unwrap();
    let around = folder.path().join("around.html");
    fs::write(
        &around,
        format!(
            "<!doctype html><meta name='color-scheme' content='light dark'><title></title>
            <script>addEventListener('message', m => {{ document.title = m.data; }});</script>
            <iframe src='page.html' style='width: {}px; height: 1000px; border: 0'></iframe>",
            window.width
        ),
    )
    .unwrap();
    let path = around;
    let (dom, _) = chromium(&path, window, "--dump-dom");
    let start = dom
        .find("LOOK{")
        .unwrap_or_else(|| panic!("the script did not run: {dom:.2000}"));
    let found = &dom[start + 4..start + dom[start..].find("}KOOL").unwrap() + 1];
    let found = found
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&nbsp;", " ")
        .replace("&amp;", "&");
    serde_json::from_str(&found).unwrap()
}

/// What the browser complains of when it shows the page as it is.
pub fn complaints(page: &Path) -> Vec<String> {
    let window = Window {
        width: 1200,
        dark: false,
    };
    let (_, log) = chromium(page, window, "--dump-dom");
    log.lines()
        .filter(|line| line.contains("CONSOLE"))
        .map(str::to_owned)
        .collect()
}

/// Runs it. Returns what it printed, and its log.
fn chromium(page: &Path, window: Window, what: &str) -> (String, String) {
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new("chromium");
    command
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
        ])
        .args([
            "--enable-logging=stderr",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--window-size={},1100", window.width + 100))
        // The message between the two pages is waited for.
        .arg("--virtual-time-budget=5000");
    if window.dark {
        command.arg("--blink-settings=preferredColorScheme=0");
    }
    let output = command
        .arg(what)
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("chromium is missing: ci/test installs it (Debian: apt-get install chromium)");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "chromium failed: {log}");
    (String::from_utf8_lossy(&output.stdout).into_owned(), log)
}
