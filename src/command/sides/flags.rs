//! What the flags say of the figures and of the sides' clients.

use std::path::PathBuf;

use anyhow::Result;

use crate::capacity::effect::{Compared, Question};
use crate::cli::{ClusterArgs, MinEffect, PairedArgs};
use crate::command::exit::Usage;
use crate::command::readable;
use crate::measure::units;
use crate::scenario::Scenario;
use crate::target::kafka::config::ClientOptions;

/// The quantiles of response times, unless said otherwise.
const QUANTILES: [f64; 2] = [0.5, 0.99];

/// A side's client: the shared file, its own, then `-X`. `-b` is for a side whose files name no cluster.
/// `own`: the flag as it is typed, and its file.
///
/// # Errors
/// A file can't be read, or holds what is no property.
pub(in crate::command) fn options_of(
    shared: &ClusterArgs,
    own: Option<(&str, &PathBuf)>,
) -> Result<ClientOptions> {
    if let Some(file) = &shared.config {
        readable("--config", file)?;
    }
    if let Some((flag, file)) = own {
        readable(flag, file)?;
    }
    let own = own.map(|(_, file)| file);
    let files: Vec<PathBuf> = shared.config.iter().chain(own).cloned().collect();
    let options = ClientOptions::read(None, &files, &shared.properties)?;
    match (options.bootstrap(), &shared.bootstrap) {
        (None, Some(typed)) => Ok(ClientOptions::read(
            Some(typed),
            &files,
            &shared.properties,
        )?),
        _ => Ok(options),
    }
}

/// What the sides are compared by.
///
/// # Errors
/// A smallest effect is of nothing that is compared.
pub(super) fn questions(
    args: &PairedArgs,
    scenario: &Scenario,
    has_unthrottled: bool,
    kind: &str,
) -> Result<Vec<Question>> {
    let quantiles = match args.quantiles.as_slice() {
        [] => &QUANTILES,
        given => given,
    };
    let has_due = scenario.flows.iter().any(|flow| flow.arrivals.has_due());
    let mut figures: Vec<Compared> = Vec::new();
    if has_due {
        figures.extend(quantiles.iter().map(|q| Compared::Response(*q)));
    }
    if kind == "compare" && has_due && !scenario.consumers.is_empty() {
        figures.extend(quantiles.iter().map(|q| Compared::EndToEnd(*q)));
    }
    if has_unthrottled {
        figures.push(Compared::Throughput);
    }
    figures.push(Compared::Cpu);
    min_effects(&figures, &args.min_effects)
}

/// The figures with the smallest effects that matter.
///
/// # Errors
/// A smallest effect is of nothing that is compared.
pub(in crate::command) fn min_effects(
    figures: &[Compared],
    given: &[MinEffect],
) -> Result<Vec<Question>> {
    let is_of = |effect: &MinEffect, figure: Compared| {
        let quantile = match figure {
            Compared::Response(q) | Compared::EndToEnd(q) => Some(units::quantile(q)),
            _ => None,
        };
        effect.word == figure.word() && (effect.quantile.is_none() || effect.quantile == quantile)
    };
    if let Some(idle) = given
        .iter()
        .find(|effect| !figures.iter().any(|f| is_of(effect, *f)))
    {
        let names: Vec<String> = figures.iter().map(|figure| figure.name()).collect();
        let figure = match &idle.quantile {
            Some(quantile) => format!("{}.{quantile}", idle.word),
            None => idle.word.clone(),
        };
        let text = format!(
            "--min-effect {figure}: what is compared is {}",
            names.join(", ")
        );
        return Err(Usage(text).into());
    }
    let question = |of: Compared| {
        // The one of a single quantile wins over the one of all.
        let mut fitting: Vec<&MinEffect> =
            given.iter().filter(|effect| is_of(effect, of)).collect();
        fitting.sort_by_key(|effect| effect.quantile.is_some());
        Question {
            of,
            min_effect: fitting
                .last()
                .map_or(of.usual_effect(), |effect| effect.share),
        }
    };
    Ok(figures.iter().copied().map(question).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_quantile_wins_over_all_and_what_is_not_compared_is_refused() {
        let figures = [
            Compared::Response(0.5),
            Compared::Response(0.99),
            Compared::Cpu,
        ];
        let effects = |texts: &[&str]| {
            let given: Vec<MinEffect> = texts.iter().map(|t| t.parse().expect("legal")).collect();
            min_effects(&figures, &given)
        };
        let shares = |texts: &[&str]| -> Vec<f64> {
            let questions = effects(texts).expect("known figures");
            questions
                .iter()
                .map(|question| question.min_effect)
                .collect()
        };
        assert_eq!(shares(&[]), [0.10, 0.10, 0.10]);
        assert_eq!(
            shares(&["response.p99=30%", "response=20%"]),
            [0.2, 0.3, 0.1]
        );
        let error = effects(&["throughput=5%"]).expect_err("not compared");
        assert!(
            error.to_string().contains("response p50, response p99"),
            "{error}"
        );
    }
}
