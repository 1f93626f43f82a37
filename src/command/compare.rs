//! `compare`: the same load on two to five clusters, in turn or at once.

use anyhow::Result;

use super::exit::{INVALID, Usage};
use super::sides::{Asked, Side, Sides, Turn, Turned, ended, options_of};
use crate::capacity::effect::{Compared, Evidence, Question, log_ratio};
use crate::capacity::gate::{Answer, Look};
use crate::capacity::paired::{FigureResult, PairRatio, SideResult, Value};
use crate::capacity::verdict::Kind;
use crate::cli::{CompareArgs, OutputArgs};
use crate::measure::run::{Reason, Verdict};
use crate::measure::units;

/// Clusters that are compared at once.
const MOST: usize = 5;
/// How often a round that can't count is made again.
const RETRIES: u32 = 2;

/// Compares the clusters. Returns the exit code: 0 all rounds were made, 1 records were lost, 3 it ended early.
///
/// # Errors
/// A run could not take place.
pub fn compare(args: &CompareArgs, output: &OutputArgs) -> Result<u8> {
    let mut sides = Sides::new(Asked {
        args: &args.paired,
        output,
        kind: "compare",
        sides: sides_of(args)?,
        unthrottled: args.unthrottled,
    })?;
    if args.side_by_side {
        // All share this process, whose processor time is told as a whole.
        sides
            .questions
            .retain(|question| question.of != Compared::Cpu);
    }
    let turns = sides.sides.len() as u32 * args.rounds;
    let load = match args.side_by_side {
        true => sides.turn_lasts() * args.rounds,
        false => sides.turn_lasts() * turns,
    };
    sides.say(&format!(
        "{} of {} clusters, {} of load, into {}",
        units::counted(u64::from(args.rounds), "rounds"),
        sides.sides.len(),
        units::time_us(load.as_micros() as u64),
        sides.folder().display()
    ));
    let mut rounds = Vec::new();
    let result = make_rounds(args, &mut sides, &mut rounds);
    let early = match &result {
        Ok(early) => early.clone(),
        // What is known by now is worth keeping.
        Err(error) => Some(Reason {
            kind: "run".to_owned(),
            text: format!("{error:#}"),
        }),
    };
    let code = conclude(&mut sides, &rounds, early);
    sides.finish()?;
    result.map(|_| code)
}

fn sides_of(args: &CompareArgs) -> Result<Vec<Side>> {
    let names: Vec<&str> = args
        .clusters
        .iter()
        .map(|cluster| cluster.name.as_str())
        .collect();
    if !(2..=MOST).contains(&names.len()) {
        let text = format!(
            "two to five clusters are compared, not {}: give --cluster NAME=FILE for each",
            names.len()
        );
        return Err(Usage(text).into());
    }
    if let Some(twice) = names
        .iter()
        .enumerate()
        .find(|(i, name)| names[..*i].contains(name))
    {
        return Err(Usage(format!(
            "--cluster {}=...: there are two of that name",
            twice.1
        ))
        .into());
    }
    if let Some(price) = args
        .prices
        .iter()
        .find(|price| !names.contains(&price.name.as_str()))
    {
        let text = format!(
            "--price {}=...: there is no cluster `{}`, only {}",
            price.name,
            price.name,
            names.join(", ")
        );
        return Err(Usage(text).into());
    }
    args.clusters
        .iter()
        .map(|cluster| {
            let price = args.prices.iter().find(|price| price.name == cluster.name);
            let flag = format!("--cluster {}", cluster.name);
            Ok(Side {
                name: cluster.name.clone(),
                source: cluster.value.display().to_string(),
                options: options_of(&args.paired.to.cluster, Some((&flag, &cluster.value)))?,
                price: price.map(|price| price.value.0),
            })
        })
        .collect()
}

/// By side, the values of a round.
type Round = Vec<Vec<Option<Value>>>;

/// Makes the rounds. Returns why it ended early, if it did.
fn make_rounds(
    args: &CompareArgs,
    sides: &mut Sides<'_>,
    rounds: &mut Vec<Round>,
) -> Result<Option<Reason>> {
    let mut again = 0;
    while rounds.len() < args.rounds as usize {
        let number = rounds.len();
        let turn = Turn {
            look: 1,
            pair: number as u32 + 1,
            label: format!("round {} of {}", number + 1, args.rounds),
        };
        let turned = match args.side_by_side {
            true => sides.at_once(&turn)?,
            false => in_turn(sides, number, &turn)?,
        };
        let mut round: Round = vec![Vec::new(); sides.sides.len()];
        let mut unusable = None;
        for (side, turned) in turned.into_iter().enumerate() {
            match turned {
                Turned::Counts(values) => round[side] = values,
                Turned::Unusable(why) => unusable = Some(why),
                Turned::Ends(reason) => return Ok(Some(reason)),
            }
        }
        match unusable {
            None => {
                rounds.push(round);
                again = 0;
            }
            Some(why) if again < RETRIES => {
                sides.say(&format!("round {} does not count: {why}", number + 1));
                again += 1;
            }
            Some(why) => {
                return Ok(Some(Reason {
                    kind: "unusable".to_owned(),
                    text: format!(
                        "a round was made {} times and never counted: {why}",
                        RETRIES + 1
                    ),
                }));
            }
        }
    }
    Ok(None)
}

/// Gives each side its turn; what came of them, by side. Who begins moves on by one with each round, and every other round goes
/// backwards: no side always follows the same one.
fn in_turn(sides: &mut Sides<'_>, round: usize, turn: &Turn) -> Result<Vec<Turned>> {
    let n = sides.sides.len();
    let mut turned: Vec<Option<Turned>> = (0..n).map(|_| None).collect();
    for side in order(n, round) {
        let came = sides.turn(side, turn)?;
        let is_over = !matches!(came, Turned::Counts(_));
        turned[side] = Some(came);
        if is_over {
            break;
        }
    }
    Ok(turned
        .into_iter()
        .map(|t| t.unwrap_or(Turned::Counts(Vec::new())))
        .collect())
}

/// The order of `n` sides in a round, from 0.
fn order(n: usize, round: usize) -> Vec<usize> {
    let first = round / 2;
    let mut order: Vec<usize> = (0..n).map(|i| (first + i) % n).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

/// Fills in the figures, the verdict and why. Returns the exit code.
fn conclude(sides: &mut Sides<'_>, rounds: &[Round], early: Option<Reason>) -> u8 {
    let mut figures = Vec::new();
    for side in 1..sides.sides.len() {
        for (index, question) in sides.questions.iter().enumerate() {
            figures.push(figure(
                question,
                index,
                &sides.sides[side].name,
                side,
                rounds,
            ));
        }
    }
    for (side, result) in sides.file.sides.iter_mut().enumerate() {
        let rate = throughput(&sides.questions, &figures, side, rounds);
        result.set_price_per_billion(rate);
    }
    let is_priced = sides.file.sides.iter().any(|side| side.price.is_some());
    let has_throughput = sides.questions.iter().any(|q| q.of == Compared::Throughput);
    if is_priced && !has_throughput {
        let text = "prices are told for a billion events at a cluster's highest rate, which --unthrottled 30s would measure";
        sides.file.notes.push(text.to_owned());
    }
    if rounds.len() < 6 {
        sides
            .file
            .notes
            .push("fewer than six rounds have no 95 % interval".to_owned());
    }
    let file = &mut sides.file;
    file.figures = figures;
    let reason = early.or_else(|| file.sides.iter().find_map(lost));
    let (verdict, code) = match &reason {
        Some(reason) => ended(reason),
        None if rounds.is_empty() => (Verdict::Invalid, INVALID),
        None => (Verdict::Pass, 0),
    };
    file.verdict = Some(verdict);
    file.reasons = reason.into_iter().collect();
    code
}

/// What a side lost, if it did.
fn lost(side: &SideResult) -> Option<Reason> {
    let records = &side.records;
    let (kind, count, what) = [
        (
            Kind::Missing,
            records.missing,
            "acknowledged, but never read back",
        ),
        (
            Kind::Corrupt,
            records.corrupt,
            "came back other than they were sent",
        ),
        (Kind::Reordered, records.reordered, "came back out of order"),
    ]
    .into_iter()
    .find(|(_, count, _)| *count > 0)?;
    Some(Reason {
        kind: kind.name().to_owned(),
        text: format!("{}: {} {what}", side.name, units::counted(count, "records")),
    })
}

fn value(round: &Round, side: usize, question: usize) -> Option<Value> {
    round[side].get(question).copied().flatten()
}

fn figure(
    question: &Question,
    index: usize,
    name: &str,
    side: usize,
    rounds: &[Round],
) -> FigureResult {
    let pairs = rounds.iter().enumerate().filter_map(|(number, round)| {
        let (a, b) = (value(round, 0, index)?, value(round, side, index)?);
        Some(PairRatio {
            look: 1,
            pair: number as u32 + 1,
            ratio: log_ratio(a.number(), b.number()).exp(),
        })
    });
    let pairs: Vec<PairRatio> = pairs.collect();
    let logs: Vec<f64> = pairs.iter().map(|pair| pair.ratio.ln()).collect();
    let interval = Evidence::Pairs.interval(&logs);
    let look = Look {
        interval,
        finding: question.finding(interval),
    };
    let answer = Answer {
        first: look,
        second: None,
        outcome: look,
    };
    let values = |side: usize| -> Vec<Option<f64>> {
        let values = rounds.iter().filter_map(|round| value(round, side, index));
        values.map(Value::number).collect()
    };
    let (of_first, own) = (values(0), values(side));
    FigureResult::new(
        question,
        name,
        &answer,
        pairs,
        [&of_first, &own],
        rounds.len(),
        Evidence::Pairs,
    )
}

/// The median throughput of a side.
fn throughput(
    questions: &[Question],
    figures: &[FigureResult],
    side: usize,
    rounds: &[Round],
) -> Option<f64> {
    let index = questions
        .iter()
        .position(|q| q.of == Compared::Throughput)?;
    let of_side = |side: usize| figures.get((side - 1) * questions.len() + index);
    match side {
        _ if rounds.is_empty() => None,
        0 => of_side(1)?.baseline,
        side => of_side(side)?.candidate,
    }
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn sides_take_turns_and_every_one_begins_and_ends_alike() {
        assert_eq!(order(2, 0), [0, 1]);
        assert_eq!(order(2, 1), [1, 0]);
        let firsts: Vec<usize> = (0..6).map(|round| order(3, round)[0]).collect();
        let lasts: Vec<usize> = (0..6).map(|round| order(3, round)[2]).collect();
        for side in 0..3 {
            assert_eq!(
                firsts.iter().filter(|s| **s == side).count(),
                2,
                "{firsts:?}"
            );
            assert_eq!(lasts.iter().filter(|s| **s == side).count(), 2, "{lasts:?}");
        }
    }
}
