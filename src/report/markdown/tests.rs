//! Markdown as a renderer reads it.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::super::fixtures;
use super::*;

/// GitHub takes no more.
const COMMENT: usize = 65_536;

/// What a renderer makes of it.
#[derive(Default, Debug)]
struct Rendered {
    /// Raw HTML, as it stands.
    html: Vec<String>,
    /// Links and pictures.
    links: usize,
    /// Rows of tables with the text of their cells.
    rows: Vec<Vec<String>>,
    /// All text outside code.
    prose: String,
    /// The same as it stands in the source, where links are looked for.
    source: String,
    /// How many columns each table's head has.
    widths: Vec<usize>,
}

fn render(markdown: &str) -> Rendered {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_GFM;
    let mut seen = Rendered::default();
    let (mut row, mut cell): (Vec<String>, String) = Default::default();
    for (event, place) in Parser::new_ext(markdown, options).into_offset_iter() {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => seen.html.push(html.trim().to_owned()),
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) => seen.links += 1,
            Event::End(TagEnd::TableCell) => row.push(std::mem::take(&mut cell)),
            Event::End(TagEnd::TableHead) => {
                seen.widths.push(row.len());
                row.clear();
            }
            Event::End(TagEnd::TableRow) => seen.rows.push(std::mem::take(&mut row)),
            Event::Text(text) => {
                seen.prose.push_str(&text);
                seen.source.push_str(&markdown[place]);
                cell.push_str(&text);
            }
            Event::Code(text) => {
                seen.prose.push('\u{1}');
                seen.source.push('\u{1}');
                cell.push_str(&text);
            }
            _ => {}
        }
    }
    seen
}

#[test]
fn every_kind_of_run_fits_a_comment_and_is_only_ours() {
    for (kind, data) in fixtures::kinds() {
        let text = report(std::slice::from_ref(&data));
        assert!(text.len() < COMMENT, "{kind}: {} bytes", text.len());
        let seen = render(&text);
        assert_eq!(seen.links, 0, "{kind}");
        let ours = |html: &String| {
            let opens = html.starts_with("<details><summary>") && html.ends_with("</summary>");
            (opens && !html[18..html.len() - 10].contains('<')) || html == "</details>"
        };
        assert!(seen.html.iter().all(ours), "{kind}: {:?}", seen.html);
        for call in ["@everyone", "#1"] {
            assert!(!seen.prose.contains(call), "{kind}: {call}");
        }
        for link in ["://", "www."] {
            assert!(!seen.source.contains(link), "{kind}: {link}");
        }
        assert!(
            !text.contains(|c: char| c.is_control() && c != '\n'),
            "{kind}"
        );
    }
}

#[test]
fn hostile_names_stay_in_their_cells_and_can_be_read() {
    let seen = render(&report(&[fixtures::of(fixtures::hostile())]));
    let flows: Vec<&Vec<String>> = seen.rows.iter().filter(|row| row.len() == 8).collect();
    assert_eq!(flows.len(), fixtures::HOSTILE.len() + 2);
    for name in fixtures::HOSTILE {
        let shown = super::super::table::cut(name, 60);
        let is_there = flows.iter().any(|row| row[0].trim() == shown.trim());
        assert!(is_there, "{shown:?} of {flows:#?}");
    }
}

#[test]
fn numbers_are_those_of_the_run_file() {
    let run = fixtures::fail();
    let seen = render(&report(&[fixtures::of(run.clone())]));
    for (name, flow) in &run.flows {
        let response = flow.response.as_ref().expect("it is timed");
        let row = seen.rows.iter().find(|row| &row[0] == name).expect("a row");
        let times = [
            response.p50_us,
            response.p99_us,
            response.p999_us,
            response.max_us,
        ];
        let shown = times.map(|us| units::time_us(us.expect("all are acknowledged")));
        assert_eq!(row[1], units::rate(flow.offered_per_s));
        assert_eq!(row[3..7], shown);
    }
    let missed: Vec<&str> = seen
        .rows
        .iter()
        .filter(|row| row[0] == "MISSED")
        .map(|row| row[4].as_str())
        .collect();
    assert_eq!(missed, ["412 ms", "12"]);
}

#[test]
fn two_runs_are_compared_and_another_load_is_warned_of() {
    let (a, mut b) = (fixtures::good(), fixtures::fail());
    b.plan.hash = "blake3:other".to_owned();
    let text = report(&[fixtures::of(a), fixtures::of(b)]);
    assert!(text.contains("> **the plan hashes differ"), "{text}");
    let seen = render(&text);
    let p99 = seen
        .rows
        .iter()
        .find(|row| row[0] == "shoppers" && row[1] == "response p99")
        .expect("a row");
    assert!(p99[3].contains("(× 14"), "{p99:?}");
}

#[test]
fn many_runs_of_every_kind_fit_a_comment() {
    let all: Vec<RunData> = fixtures::kinds()
        .into_iter()
        .map(|(_, data)| data)
        .collect();
    let text = report(&all);
    assert!(text.len() < COMMENT, "{} bytes", text.len());
    let seen = render(&text);
    assert_eq!(seen.links, 0);
    assert!(
        seen.html.iter().all(|html| html.contains("details>")),
        "{:?}",
        seen.html
    );
}

#[test]
fn a_failed_run() {
    insta::assert_snapshot!(report(&[fixtures::of(fixtures::fail())]));
}
