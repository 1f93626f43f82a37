//! The plots of a search: response against load, and how the bracket closed.

use crate::capacity::search::file::SearchFile;
use crate::capacity::search::reading::Reading;
use crate::capacity::search::{Belief, Outcome, Purpose, Step};
use crate::measure::units;
use crate::report::plot::{
    Figure, Ink, Layer, Limit, Part, Shade, Stroke, TimeAxis, Unit, X, Y, filled, layer,
    linear_axis, time_axis,
};

/// A point of a plot.
type Point = (f64, Option<f64>);

/// Both, as far as there is something to show.
pub(super) fn figures(file: &SearchFile) -> Vec<Figure> {
    let mut all = Vec::new();
    all.extend(response(file));
    all.extend(bracket(file));
    all
}

fn with_readings(file: &SearchFile) -> impl Iterator<Item = (&Step, &Reading)> {
    file.steps.iter().filter_map(|step| {
        let reading = file.readings.iter().find(|r| r.action == step.action)?;
        Some((step, reading))
    })
}

/// The limited response quantile of every step against the rate it held, with its interval, and the limit.
fn response(file: &SearchFile) -> Option<Figure> {
    let (what, _, limit_us) = file.limit.as_ref()?;
    let dots = |purpose: fn(&Step) -> bool, label: &str, ink: Ink| {
        let of = with_readings(file).filter(move |(step, _)| purpose(step));
        let points: Vec<Point> = of
            .map(|(step, reading)| (step.per_s, reading.response_us.map(|us| us[1] as f64)))
            .collect();
        layer(label.to_owned(), ink, Stroke::Dots, sorted(points))
    };
    let intervals: Vec<Point> = with_readings(file)
        .filter_map(|(step, reading)| Some((step.per_s, reading.response_us?)))
        .flat_map(|(x, us)| [(x, Some(us[0] as f64)), (x, Some(us[2] as f64)), (x, None)])
        .collect();
    let unanswered: Vec<Point> = with_readings(file)
        .filter(|(_, reading)| reading.response_us.is_none())
        .map(|(step, _)| (step.per_s, Some(0.0)))
        .collect();
    let mut layers = vec![
        layer(
            "90 % interval".to_owned(),
            Ink::Dim,
            Stroke::Thin,
            intervals,
        ),
        dots(
            |s| s.outcome == Outcome::Pass && s.purpose != Purpose::Confirm,
            "passed",
            Ink::Data(2),
        ),
        dots(
            |s| s.outcome == Outcome::Pass && s.purpose == Purpose::Confirm,
            "passed a confirmation",
            Ink::Data(0),
        ),
        dots(|s| s.outcome == Outcome::Fail, "failed", Ink::Bad),
        dots(
            |s| s.outcome == Outcome::Invalid,
            "invalid: the generator was the limit",
            Ink::Data(6),
        ),
        layer(
            "among events without an answer".to_owned(),
            Ink::Bad,
            Stroke::Top,
            unanswered,
        ),
    ];
    layers.retain(|layer| !layer.points.is_empty());
    let rates = || file.steps.iter().map(|step| step.per_s);
    let x = Y::log(
        Unit::Rate,
        rates().fold(f64::INFINITY, f64::min) * 0.9,
        rates().fold(0.0, f64::max) * 1.15,
    );
    let limits = vec![Limit {
        at: *limit_us,
        label: format!("limit < {}", units::time_us(*limit_us as u64)),
    }];
    let title = format!("{what}, against the load");
    let mut figure = blank(
        "response-load",
        &title,
        X::Rate(x),
        time_axis(&layers, &limits),
    );
    figure.limits = limits;
    figure.shades = estimate(file);
    let shade = match figure.shades.is_empty() {
        true => "",
        false => "The shade is the 90 % interval of the capacity. ",
    };
    figure.note = Some(format!(
        "Each dot is a rate that was held. Past the capacity a quantile only tells how long it was held. {shade}A step below the limit can \
         still have failed, by a backlog that grew."
    ));
    Some(filled(figure, layers))
}

fn sorted(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

/// The capacity's interval on the rate axis.
fn estimate(file: &SearchFile) -> Vec<Shade> {
    let found = file.found.as_ref().and_then(|found| found.estimate_per_s);
    let shade = found.map(|[low, _, high]| Shade {
        from: low,
        to: high,
        label: "capacity, 90 %".to_owned(),
        line: false,
    });
    shade.into_iter().collect()
}

/// The rates over time, with what was known of the capacity after each.
fn bracket(file: &SearchFile) -> Option<Figure> {
    let settings = file.settings.as_ref()?;
    let start = file.steps.first()?.from_s.min(0.0);
    let at = |seconds: f64| seconds - start;
    let held = |outcome: Outcome, label: &str, ink: Ink| {
        let of = file
            .steps
            .iter()
            .filter(move |step| step.outcome == outcome);
        let points: Vec<Point> = of
            .flat_map(|step| {
                [
                    (at(step.from_s), Some(step.per_s)),
                    (at(step.to_s), Some(step.per_s)),
                    (at(step.to_s), None),
                ]
            })
            .collect();
        layer(label.to_owned(), ink, Stroke::Line, points)
    };
    let known: Vec<(f64, [f64; 3])> = (1..=file.steps.len())
        .filter_map(|n| {
            let belief = Belief::of(settings, &file.steps[..n])?;
            Some((at(file.steps[n - 1].to_s), belief.interval()))
        })
        .collect();
    let line = |of: usize| -> Vec<Point> { known.iter().map(|(x, v)| (*x, Some(v[of]))).collect() };
    let mut layers: Vec<Layer> = vec![
        layer(
            "capacity, 90 % interval".to_owned(),
            Ink::Dim,
            Stroke::Thin,
            line(0),
        ),
        layer(String::new(), Ink::Dim, Stroke::Thin, line(2)),
        layer(
            "capacity, estimate".to_owned(),
            Ink::Data(0),
            Stroke::Thin,
            line(1),
        ),
        held(Outcome::Pass, "held, passed", Ink::Data(2)),
        held(Outcome::Fail, "held, failed", Ink::Bad),
        held(Outcome::Invalid, "held, invalid", Ink::Data(6)),
    ];
    layers.retain(|layer| !layer.points.is_empty());
    let length_s = file
        .steps
        .iter()
        .map(|step| at(step.to_s))
        .fold(1.0, f64::max);
    let axis = TimeAxis {
        length_s,
        load_s: length_s,
        clock: None,
    };
    let y = linear_axis(Unit::Rate, &layers);
    let mut figure = blank(
        "bracket",
        "The rates held, and what was known of the capacity after each",
        X::Time(axis),
        y,
    );
    figure.note = Some(
        "Between them the load drains at a low rate, or overloads the cluster for a moment, so that a burst that a quota saved up is spent."
            .to_owned(),
    );
    Some(filled(figure, layers))
}

fn blank(id: &str, title: &str, x: X, y: Y) -> Figure {
    Figure {
        id: id.to_owned(),
        part: Part::Search,
        title: title.to_owned(),
        alt: String::new(),
        note: None,
        half: false,
        x,
        y,
        shades: Vec::new(),
        limits: Vec::new(),
        layers: Vec::new(),
        heat: None,
    }
}
