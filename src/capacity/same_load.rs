//! Whether two runs had the same load, and what differs where they had not. Pure.

use std::collections::BTreeMap;

use crate::measure::run::Plan;

/// Differences that are written out.
const SHOWN: usize = 5;

/// `None`: the plan hashes are the same. Otherwise what differs in the scenarios, a clause: `seed: 1, here 2; ...`.
pub fn difference(theirs: &Plan, ours: &Plan) -> Option<String> {
    if theirs.hash == ours.hash {
        return None;
    }
    let (theirs, ours) = (fields(&theirs.scenario), fields(&ours.scenario));
    let names = theirs
        .keys()
        .chain(ours.keys().filter(|name| !theirs.contains_key(*name)));
    let mut clauses: Vec<String> = names
        .filter(|name| theirs.get(*name) != ours.get(*name))
        .map(|name| {
            let show = |side: &BTreeMap<String, String>| {
                side.get(name)
                    .cloned()
                    .unwrap_or_else(|| "nothing".to_owned())
            };
            format!("{name} is {}, here {}", show(&theirs), show(&ours))
        })
        .collect();
    if clauses.is_empty() {
        // The same words: templates, samples or traces beside the file, or the generator's version.
        return Some("the scenario files say the same, so what differs are the event templates, samples or traces beside them, or highwater itself".to_owned());
    }
    let more = clauses.len().saturating_sub(SHOWN);
    clauses.truncate(SHOWN);
    let mut text = clauses.join("; ");
    if more > 0 {
        text.push_str(&format!("; and {more} more"));
    }
    Some(text)
}

/// The fields of a scenario by path, with their values as TOML.
fn fields(scenario: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    if let Ok(table) = scenario.parse::<toml::Table>() {
        collect("", &table, &mut fields);
    }
    fields
}

fn collect(path: &str, table: &toml::Table, into: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        let path = match path {
            "" => name.clone(),
            path => format!("{path}.{name}"),
        };
        match value {
            toml::Value::Table(table) => collect(&path, table, into),
            value => {
                into.insert(path, value.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(hash: &str, scenario: &str) -> Plan {
        Plan {
            hash: hash.to_owned(),
            scenario: scenario.to_owned(),
            ..Plan::default()
        }
    }

    #[test]
    fn the_same_hash_is_the_same_load() {
        assert_eq!(difference(&plan("a", "seed = 1"), &plan("a", "")), None);
    }

    #[test]
    fn what_differs_is_named_with_both_values() {
        let theirs = plan(
            "a",
            "seed = 1\n[flow.x]\nmean = \"10/s\"\n[load]\nscale = 2\n",
        );
        let ours = plan("b", "seed = 1\n[flow.x]\nmean = \"20/s\"\n");
        assert_eq!(
            difference(&theirs, &ours).as_deref(),
            Some("flow.x.mean is \"10/s\", here \"20/s\"; load.scale is 2, here nothing")
        );
    }

    #[test]
    fn files_beside_the_scenario_are_suspected_last() {
        let said = difference(&plan("a", "seed = 1"), &plan("b", "seed = 1")).expect("differs");
        assert!(said.contains("templates"), "{said}");
    }
}
