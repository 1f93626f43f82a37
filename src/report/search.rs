//! A search told: the sentences on the terminal, the page with its plots.

mod page;
mod plots;
mod text;

pub use page::write_page;
pub use text::text;

use crate::capacity::search::file::SearchFile;
use crate::capacity::search::{End, Found};
use crate::measure::units;

/// What was found, a sentence each; the first is the answer.
fn sentences(file: &SearchFile) -> Vec<String> {
    if !file.demand.is_empty() {
        return demand(file);
    }
    let Some(found) = &file.found else {
        return vec!["Nothing was found.".to_owned()];
    };
    let mut all = vec![answer(file, found)];
    all.extend(headroom(file, found));
    if let Some(gave) = &file.gave {
        all.push(format!("What gave first: {gave}."));
    }
    all.extend(ended(found));
    all.extend(file.lost.iter().map(|lost| format!("On the way: {lost}.")));
    all
}

fn answer(file: &SearchFile, found: &Found) -> String {
    let estimate = found.estimate_per_s.map(|[low, estimate, high]| {
        format!(
            "estimated at {} (90 % interval {} to {})",
            units::rate(estimate),
            units::rate(low),
            units::rate(high)
        )
    });
    match (found.rated_per_s, estimate) {
        (Some(rated), estimate) => {
            let confirm = file.settings.as_ref().map_or(0.0, |s| s.confirm_s);
            let estimate = estimate.map_or(String::new(), |text| format!("; {text}"));
            format!(
                "Capacity: rated {}, which held every limit three times for {}{estimate}.",
                units::rate(rated),
                units::time_us((confirm * 1e6) as u64)
            )
        }
        (None, Some(estimate)) => format!("Capacity: {estimate}; no rate was confirmed."),
        (None, None) => match file.steps.iter().map(|step| step.per_s).reduce(f64::max) {
            Some(most) => format!(
                "Capacity: not found; {} was the highest rate held.",
                units::rate(most)
            ),
            None => "Capacity: not found; no rate was held long enough.".to_owned(),
        },
    }
}

fn headroom(file: &SearchFile, found: &Found) -> Option<String> {
    let peak = format!("the scenario's peak of {}", units::rate(file.peak_per_s));
    let Some(headroom) = file.headroom() else {
        let [low, _, high] = found.estimate_per_s?;
        return Some(format!(
            "Headroom: not rated; the estimate is {} to {} times {peak}, {} is wanted.",
            factor(low / file.peak_per_s),
            factor(high / file.peak_per_s),
            factor(file.wanted)
        ));
    };
    let verdict = if headroom >= file.wanted {
        "enough"
    } else if found.end == Some(End::Ceiling) {
        "more was not offered, so it is not known whether it would hold"
    } else {
        "not enough"
    };
    Some(format!(
        "Headroom: {} times {peak}; {} is wanted: {verdict}.",
        factor(headroom),
        factor(file.wanted)
    ))
}

/// Two decimals, rounded down: a headroom is never made to look wanted.
fn factor(value: f64) -> String {
    format!("{:.2}", (value * 100.0 + 1e-9).floor() / 100.0)
}

/// Why the search ended where it did not find its end.
fn ended(found: &Found) -> Option<String> {
    Some(match found.end.as_ref()? {
        End::Confirmed => return None,
        End::Generator { per_s, complaint } => format!(
            "The generator is the limit at {}: add workers, or cores. {}.",
            units::rate(*per_s),
            capital(complaint)
        ),
        End::Ceiling => "Every limit still held at the most that --max-rate lets it offer.".to_owned(),
        End::Nothing => "Every rate that was tried failed, down to a small share of the first: look at the limits, and at the cluster.".to_owned(),
        End::Time => "The search did not come to its end: go on from here with --resume, or allow more with --max-duration.".to_owned(),
        End::Stuck => "What waited was not answered within a minute of little load: the cluster did not recover.".to_owned(),
        End::Unconfirmed => "Rate after rate failed to be confirmed: the cluster carries less the longer it is loaded, or is too noisy to rate.".to_owned(),
    })
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

fn demand(file: &SearchFile) -> Vec<String> {
    let groups = file.demand.iter();
    groups
        .map(|group| {
            let load = units::rate(group.records_per_s);
            match (group.members, &group.reason) {
                (Some(members), _) => format!(
                    "Group {} needs {} for {load} of records: {}.",
                    group.group,
                    units::counted(u64::from(members), "members"),
                    match members {
                        1 => "one carried it twice".to_owned(),
                        _ => format!("{members} carried it twice, {} did not", members - 1),
                    }
                ),
                (None, reason) => format!(
                    "Group {}, {load} of records: {}.",
                    group.group,
                    reason.as_deref().unwrap_or("not known")
                ),
            }
        })
        .collect()
}
