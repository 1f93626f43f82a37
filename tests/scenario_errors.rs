//! Scenario files that are wrong, and what is said about them.
//!
//! A case is a scenario in which «» enclose what must be marked; it must have that one error and no other.

use std::path::PathBuf;

use highwater::scenario::{
    Loaded, Overrides, Preset, Problem, ScenarioErrors, Severity, Source, load,
};
use proptest::prelude::*;

/// A whole scenario, into whose tables the cases put their errors. The places in brackets are replaced by a case's words.
const BASE: &str = r#"<top>
[time]
span = "1h"
<time>
[pool.merchant]
count = 100
<pool>
[topic.orders]
partitions = 3
<topic>
[event.placed]
topic = "orders"
value = { bytes = "300B" }
<event>
[flow.shop]
event = "placed"
<flow>
[consume.reader]
topics = ["orders"]
<consume>
<end>
"#;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/scenario")
}

fn load_text(text: &str, overrides: &Overrides) -> Result<Loaded, ScenarioErrors> {
    let source = Source::Text {
        name: "case.toml".into(),
        text: text.into(),
        folder: fixtures(),
    };
    load(&source, overrides)
}

/// The base with words put in. A flow has a mean unless the case says something of its own there.
fn base(places: &[(&str, &str)]) -> String {
    let mut text = BASE.to_owned();
    for (place, words) in places {
        assert!(text.contains(&format!("<{place}>")), "{place}");
        text = text.replace(&format!("<{place}>"), words);
    }
    text = text.replace("<flow>", "mean = \"100/s\"");
    for place in ["top", "time", "pool", "topic", "event", "consume", "end"] {
        text = text.replace(&format!("<{place}>"), "");
    }
    text
}

/// Asserts that a text with «marks» has exactly one error, there, that says all of `words`.
#[track_caller]
fn one_error(marked: &str, words: &[&str]) -> Problem {
    let start = marked.find('«').expect("a mark");
    let end = marked.find('»').expect("an end of the mark") - '«'.len_utf8();
    let text = marked.replace(['«', '»'], "");
    let errors = match load_text(&text, &Overrides::default()) {
        Ok(_) => panic!("no error in\n{text}"),
        Err(errors) => errors,
    };
    assert_eq!(errors.problems.len(), 1, "more than one:\n{errors}");
    let problem = errors.problems[0].clone();
    let shown = problem.render(false);
    let place = problem.place.as_ref().expect("a place");
    let line = text[..start].matches('\n').count() + 1;
    let column = text[..start]
        .chars()
        .rev()
        .take_while(|c| *c != '\n')
        .count()
        + 1;
    assert_eq!((place.line, place.column), (line, column), "\n{shown}");
    assert_eq!(
        place.text[place.marked.clone()],
        text[start..end],
        "\n{shown}"
    );
    assert!(
        shown.contains(&format!("case.toml:{line}:{column}")),
        "{shown}"
    );
    assert!(
        shown.contains(text.lines().nth(line - 1).unwrap().trim()),
        "{shown}"
    );
    for word in words {
        assert!(shown.contains(word), "`{word}` is not in\n{shown}");
    }
    problem
}

macro_rules! cases {
    ($($name:ident: [$(($place:literal, $words:literal)),+], [$($says:literal),+];)+) => {$(
        #[test]
        fn $name() {
            one_error(&base(&[$(($place, $words)),+]), &[$($says),+]);
        }
    )+};
}

cases! {
    unknown_word_at_the_top: [("top", "«sede» = 1")], ["unknown word `sede`", "did you mean `seed`?"];
    unknown_word_in_a_table: [("topic", "«partions» = 3")], ["unknown word `partions` in [topic.orders]", "did you mean `partitions`?"];
    unknown_word_deep_inside: [("flow", "mean = \"1/s\"\nshape = [ { flash = { at = \"+5m\", «hight» = 2, height = 3 } } ]")], ["`hight`", "did you mean `height`?", "[flow.shop]"];
    unknown_shape: [("flow", "mean = \"1/s\"\nshape = [ { «falsh» = { at = \"+5m\", height = 2 } } ]")], ["unknown word `falsh`", "did you mean `flash`?"];
    unknown_arrivals: [("flow", "mean = \"1/s\"\narrivals = «\"poison\"»")], ["unknown word `poison`", "did you mean `poisson`?"];
    unknown_metric: [("end", "[[slo]]\nmetric = «\"respnse\"»\nquantile = 0.9\nbelow = \"1s\"")], ["did you mean `response`?"];
    unknown_field_kind: [("pool", "fields = { name = «\"compny\"» }")], ["did you mean `company`?"];
    unknown_stamp: [("event", "stamp = «\"paylod\"»")], ["did you mean `payload`?"];
    wrong_type_text: [("top", "why = «7»")], ["expected a text in quotes, found"];
    wrong_type_table: [("flow", "mean = \"1/s\"\nshape = [ «5» ]")], ["one with its settings"];
    wrong_type_list: [("top", "[load]\nlock = «\"seed\"»")], ["expected a list"];
    wrong_type_bool: [("end", "[[slo]]\nmetric = \"failed\"\nat_most = 0\nallow_compressed = «1»")], ["true or false"];
    rate_without_unit: [("flow", "mean = «500»")], ["a rate needs its unit", "500/s"];
    rate_with_unknown_unit: [("flow", "peak = «\"9k/sec\"»")], ["`9k/sec` is not a rate", "44k/min"];
    rate_negative: [("flow", "mean = «\"-9/s\"»")], ["is not a rate"];
    rate_of_zero: [("flow", "mean = «\"0/s\"»")], ["above 0"];
    rate_beyond_reason: [("flow", "mean = «\"11B/s\"»")], ["10B/s"];
    total_of_zero: [("flow", "total = «0»")], ["a total of 0"];
    total_not_whole: [("flow", "total = «\"1.5\"»")], ["not a whole number"];
    time_without_unit: [("time", "warmup = «30»")], ["a time needs its unit", "30s"];
    time_with_unknown_unit: [("time", "settle = «\"5 parsecs\"»")], ["is not a time", "24h"];
    simulated_time_called_real: [("flow", "mean = \"1/s\"\nshape = [ { square = { every = «\"1m real\"», on = \"1s\", height = 2 } } ]")], ["simulated"];
    size_with_unknown_unit: [("end", "[event.big]\ntopic = \"orders\"\nvalue = { bytes = «\"12kb\"» }")], ["number of bytes", "1.2kB"];
    size_of_zero: [("end", "[event.big]\ntopic = \"orders\"\nvalue = { bytes = «0» }")], ["a value of 0B is impossible"];
    compresses_below_one: [("end", "[event.big]\ntopic = \"orders\"\nvalue = { bytes = 9, compressible = «0.5» }")], ["nothing compresses 0.5 times"];
    nan: [("time", "compress = «nan»")], ["expected a number above 0", "NaN"];
    infinite: [("flow", "mean = \"1/s\"\nshape = [ { flash = { at = \"+1m\", height = «inf» } } ]")], ["found inf"];
    negative_factor: [("flow", "mean = \"1/s\"\nspikes = [ { flash = { at = \"+1m\", height = «-2» } } ]")], ["0 or more", "found -2"];
    probability_over_one: [("pool", "skew = { hot = { share = «1.5», of = 0.2 } }")], ["share from 0 to 1", "found 1.5"];
    quantile_as_percentile: [("end", "[[slo]]\nmetric = \"response\"\nquantile = «99»\nbelow = \"1s\"")], ["as in 0.99, found 99"];
    no_partitions: [("topic", "config = {}\n[topic.«empty»]")], ["`partitions` is missing in [topic.empty]"];
    zero_partitions: [("end", "[topic.more]\npartitions = «0»")], ["0 is impossible for partitions", "from 1"];
    zero_members: [("consume", "members = «0»")], ["impossible for members"];
    more_shards_than_there_are: [("top", "[load]\nshards = «65_537»")], ["impossible for shards"];
    dangling_topic: [("end", "[event.other]\ntopic = «\"ordres\"»\nvalue = { bytes = 9 }")], ["there is no topic `ordres`", "did you mean `orders`?"];
    dangling_pool: [("event", "key = «\"merchnt\"»")], ["there is no pool `merchnt`", "did you mean `merchant`?"];
    dangling_pool_in_a_list: [("event", "key = [\"merchant\", «\"buyer\"»]")], ["there is no pool `buyer`", "known here: merchant"];
    dangling_event: [("end", "[flow.two]\nmean = \"1/s\"\nevent = { placed = 1, «payed» = 2 }")], ["there is no event `payed`", "did you mean `placed`?"];
    dangling_flow: [("end", "[[slo]]\nmetric = \"response\"\nquantile = 0.9\nbelow = \"1s\"\nflow = «\"shopp\"»")], ["there is no flow `shopp`", "did you mean `shop`?"];
    dangling_group: [("end", "[[slo]]\nmetric = \"end_to_end\"\nquantile = 0.9\nbelow = \"1s\"\nconsume = «\"raeder\"»")], ["there is no consume `raeder`"];
    dangling_read: [("end", "[consume.two]\ntopics = [\"orders\", «\"carts\"»]")], ["there is no topic `carts`"];
    no_height: [("end", "[flow.«two»]\nevent = \"placed\"")], ["no height in [flow.two]", "one of `mean`, `peak`, `total`"];
    two_heights: [("flow", "mean = \"1/s\"\ntotal = «5»")], ["`total` beside `mean`", "exactly one"];
    height_of_the_unthrottled: [("flow", "arrivals = \"unthrottled\"\npeak = «\"1/s\"»")], ["`peak` beside unthrottled arrivals"];
    shape_of_the_unthrottled: [("flow", "arrivals = \"unthrottled\"\nshape = «[]»")], ["`shape` beside unthrottled arrivals"];
    response_of_the_unthrottled: [("flow", "arrivals = \"unthrottled\""), ("end", "[[slo]]\nmetric = «\"response\"»\nquantile = 0.9\nbelow = \"1s\"")], ["[flow.shop] is unthrottled", "judge `service`"];
    of_an_event_not_sent: [("end", "[event.other]\ntopic = \"orders\"\nvalue = { bytes = 9 }\n[flow.two]\nevent = \"placed\"\nmean = \"1/s\"\nof = «\"other\"»")], ["does not send `other`"];
    hours_of_half_a_day: [("flow", "mean = \"1/s\"\nshape = [ { hours = «[1, 2, 3]» } ]")], ["has 3 numbers", "expected 24"];
    shape_of_zeros: [("flow", "mean = \"1/s\"\nshape = [ «{ ramp = { from = 0, to = 0 } }» ]")], ["0 throughout"];
    stairs_into_the_cellar: [("flow", "mean = \"1/s\"\nshape = [ { stairs = { from = 1, step = «-0.5», every = \"10m\" } } ]")], ["below 0"];
    sine_upside_down: [("flow", "mean = \"1/s\"\nshape = [ «{ sine = { period = \"1h\", low = 2, high = 1, top_at = \"+0s\" } }» ]")], ["`low` is above `high`"];
    square_on_for_longer_than_ever: [("flow", "mean = \"1/s\"\nshape = [ { square = { every = \"1m\", on = «\"2m\"», height = 2 } } ]")], ["`on` is longer"];
    zero_width: [("flow", "mean = \"1/s\"\nshape = [ { gaussian = { at = \"+1m\", sd = «\"0s\"», height = 2 } } ]")], ["`sd` must be above 0"];
    noise_in_a_sum: [("flow", "mean = \"1/s\"\nshape = [ { sum = [ «{ noise = { cv = 0.1, every = \"1s\" } }» ] } ]")], ["noise can't be a part of a sum"];
    two_shapes_in_one: [("flow", "mean = \"1/s\"\nshape = [ «{ hours = [1], ramp = { from = 1, to = 2 } }» ]")], ["one word with its settings"];
    spike_after_the_span: [("flow", "mean = \"1/s\"\nspikes = [ { flash = { at = «\"12:01\"», height = 2 } } ]")], ["the span is over by then", "within the span of 1h"];
    clock_of_nonsense: [("flow", "mean = \"1/s\"\nspikes = [ { flash = { at = «\"25:00\"», height = 2 } } ]")], ["is not a clock time", "12:01"];
    missing_in_a_shape: [("flow", "mean = \"1/s\"\nspikes = [ { flash = «{ at = \"+1m\" }» } ]")], ["`height` is missing"];
    date_of_nonsense: [("time", "starts = «\"tomorrow\"»")], ["not a date and time", "2026-11-30T00:00:00-05:00"];
    play_beyond_the_span: [("time", "play = [\"00:10\", «\"02:00\"»]")], ["the part to play ends 2h after", "the span is 1h"];
    play_of_one_time: [("time", "play = «[\"00:10\"]»")], ["two clock times"];
    value_and_template: [("end", "[event.two]\ntopic = \"orders\"\ntemplate = \"events/session.json\"\nvalue = «{ bytes = 9 }»")], ["`value` beside `template`"];
    template_not_there: [("end", "[event.two]\ntopic = \"orders\"\ntemplate = «\"events/no.json\"»")], ["can't read `", "events/no.json"];
    default_template_not_there: [("end", "[event.«two»]\ntopic = \"orders\"")], ["events/two.json", "without `template` or `value`"];
    lines_not_there: [("end", "[event.two]\ntopic = \"orders\"\nvalue = { lines = «\"no.jsonl\"» }")], ["can't read", "no.jsonl"];
    no_lines: [("end", "[event.two]\ntopic = \"orders\"\nvalue = { lines = «\"empty.jsonl\"» }")], ["has no records"];
    lines_and_bytes: [("end", "[event.two]\ntopic = \"orders\"\nvalue = «{ lines = \"empty.jsonl\", bytes = 9 }»")], ["either `lines` or `bytes`"];
    int_upside_down: [("pool", "fields = { n = «{ int = [5, 1] }» }")], ["must not be above"];
    reserved_pool: [("end", "[pool.«session»]\ncount = 5")], ["can't be called `session`"];
    name_with_a_space: [("end", "[pool.«\"my pool\"»]\ncount = 5")], ["can't be the name of a pool"];
    run_name_with_a_slash: [("top", "name = «\"a/b\"»")], ["can't be the name of a run folder"];
    topic_with_a_space: [("topic", "name = «\"my topic\"»")], ["can't be the name of a topic"];
    two_topics_of_a_name: [("end", "[topic.other]\npartitions = 1\nname = «\"orders\"»")], ["[topic.orders] is called `orders` as well"];
    cluster_in_the_file: [("end", "[client]\n«bootstrap.servers» = \"localhost:9092\"")], ["which cluster", "-b HOST:PORT"];
    property_of_a_list: [("end", "[client]\nlinger.ms = «[5]»")], ["a property's value"];
    quantile_left_out: [("end", "[[slo]]\nmetric = «\"response\"»\nbelow = \"1s\"")], ["`quantile` is missing"];
    quantile_of_a_count: [("end", "[[slo]]\nmetric = \"missing\"\nquantile = «0.5»\nat_most = 0")], ["has no quantiles"];
    limit_left_out: [("end", "«[[slo]]»\nmetric = \"response\"\nquantile = 0.9")], ["has no limit", "below = \"100ms\""];
    two_limits: [("end", "[[slo]]\nmetric = \"failed\"\nbelow = 5\nat_most = «4»")], ["an SLO has one limit"];
    limit_of_another_kind: [("end", "[[slo]]\nmetric = \"response\"\nquantile = 0.9\nbelow = «100»")], ["no limit for `response`", "100ms"];
    share_over_one: [("end", "[[slo]]\nmetric = \"achieved\"\nat_least = «99.5»")], ["no limit for `achieved`", "0.995"];
    slo_about_two: [("end", "[[slo]]\nmetric = \"response\"\nquantile = 0.9\nbelow = \"1s\"\nflow = \"shop\"\nevent = «\"placed\"»")], ["about one thing"];
    slo_about_the_wrong_kind: [("end", "[[slo]]\nmetric = \"end_to_end\"\nquantile = 0.9\nbelow = \"1s\"\nflow = «\"shop\"»")], ["not measured by flow", "by consume"];
    windows_of_half_a_second: [("end", "[[slo]]\nmetric = \"failed\"\nat_most = 0\nevery = «\"500ms\"»")], ["whole seconds"];
    windows_of_a_total: [("end", "[[slo]]\nmetric = \"missing\"\nat_most = 0\nevery = «\"5s\"»")], ["over the whole run"];
    allow_without_windows: [("end", "[[slo]]\nmetric = \"failed\"\nat_most = 0\nallow = «2»")], ["there is no `every`"];
    one_bracket_too_few: [("end", "[«slo»]\nmetric = \"failed\"\nat_most = 0")], ["two brackets"];
    compressed_lag: [("time", "compress = 2"), ("end", "[[slo]]\nmetric = «\"lag_time\"»\nbelow = \"1s\"")], ["allow_compressed = true"];
    stamp_of_nothing: [("event", "stamp = \"none\""), ("end", "[[slo]]\nmetric = «\"end_to_end\"»\nquantile = 0.5\nbelow = \"1s\"\nconsume = \"reader\"")], ["no event with a stamp"];
    lock_of_nothing: [("top", "[load]\nlock = [\"seed\", «\"tiem.span\"»]")], ["unknown word `tiem`", "did you mean `time`?"];
    abort_half_said: [("end", "[abort]\nresponse = «{ quantile = 0.99, above = \"10s\" }»")], ["`for` is missing"];
}

cases! {
    later_action: [("end", "[[«action»]]\nat = \"+90s\"\nrun = [\"x\"]")], ["`action` is not supported by this version yet"];
    later_watch: [("end", "[«watch»]\ngroups = [\"x\"]")], ["`watch` is not supported by this version yet"];
    later_drain: [("end", "[[slo]]\nmetric = «\"drain\"»\nconsume = \"reader\"\nbelow = \"5m\"")], ["the metric `drain` is not supported"];
    later_recovery: [("end", "[[slo]]\nmetric = «\"recovery\"»\nbelow = \"5m\"")], ["the metric `recovery` is not supported"];
    later_time_above: [("end", "[[slo]]\nmetric = «\"time_above\"»\nbelow = \"5m\"")], ["the metric `time_above` is not supported"];
}

// Time, pools, keys and stamps.
cases! {
    history_beyond_reason: [("time", "history = «\"25h\"»")], ["the history is too long", "at most 1d"];
    pool_of_nothing: [("pool", "of = «\"shop\"»")], ["there is no pool `shop`"];
    pool_of_itself: [("pool", "of = «\"merchant\"»")], ["merchant of merchant"];
    pools_of_one_another: [("pool", "of = «\"b\"»\n[pool.a]\ncount = 1\nof = \"merchant\"\n[pool.b]\ncount = 1\nof = \"a\"")], ["merchant of b of a of merchant"];
    flash_of_an_id_beyond: [("pool", "flash = { id = «101», share = 0.5, at = \"+1m\", for = \"1m\" }")], ["101 is impossible for the id of a flash", "from 1 to 100"];
    flash_of_no_share: [("pool", "flash = { id = 1, share = «0», at = \"+1m\", for = \"1m\" }")], ["takes no share"];
    flash_of_a_percentage: [("pool", "flash = { id = 1, share = «70», at = \"+1m\", for = \"1m\" }")], ["share from 0 to 1"];
    flash_after_the_span: [("pool", "flash = { id = 1, share = 0.5, at = «\"12:00\"», for = \"1m\" }")], ["the span is over by then"];
    flash_without_a_length: [("pool", "flash = «{ id = 1, share = 0.5, at = \"+1m\" }»")], ["`for` is missing"];
    flash_of_no_length: [("pool", "flash = { id = 1, share = 0.5, at = \"+1m\", for = «\"0s\"» }")], ["`for` must be above 0"];
    session_without_a_journey: [("event", "key = «\"session\"»")], ["[flow.shop] has no journey", "no session to make a key of"];
    device_without_devices: [("event", "key = [\"merchant\", «\"device\"»]")], ["[flow.shop] is not periodic", "no device"];
    tombstone_without_a_key: [("event", "defects = { tombstone = «{ share = 0.1 }» }")], ["[event.placed] has no key"];
    tombstone_of_a_flow_without_a_key: [("flow", "mean = \"1/s\"\ndefects = { tombstone = «{ share = 0.1 }» }")], ["[event.placed] has no key"];
    tombstone_with_a_stamp_inside: [("event", "key = \"merchant\"\nstamp = «\"payload\"»\ndefects = { tombstone = { share = 0.1 } }")], ["no value to hold a stamp", "\"header\" or \"none\""];
    late_by_nothing: [("event", "defects = { late = { share = 0.1, by = «\"0s\"» } }")], ["late by nothing"];
    late_without_a_time: [("event", "defects = { late = «{ share = 0.1 }» }")], ["`by` is missing"];
    unknown_defect: [("event", "defects = { «dupliacte» = { share = 0.1 } }")], ["did you mean `duplicate`?"];
    defect_beyond_one: [("flow", "mean = \"1/s\"\ndefects = { duplicate = { share = «1.1» } }")], ["share from 0 to 1"];
    oversized_beyond_reason: [("event", "defects = { oversized = { share = 0.1, size = «\"1GB\"» } }")], ["an event of 1GB is impossible", "at most 100MB"];
    duplicates_without_a_schedule: [("flow", "arrivals = \"unthrottled\"\ndefects = { duplicate = «{ share = 0.1 }» }")], ["no instant at which a second one would be due"];
}

// Arrivals, and what each kind takes.
cases! {
    bursty_without_a_word: [("flow", "mean = \"1/s\"\narrivals = «\"bursty\"»")], ["`bursty` needs its settings", "{ bursty = ... }"];
    bursty_of_nothing: [("flow", "mean = \"1/s\"\narrivals = { bursty = { cv = «0» } }")], ["a number above 0"];
    batch_of_nothing: [("flow", "mean = \"1/s\"\narrivals = { batch = { size = «0», within = \"1m\" } }")], ["a whole number above 0"];
    batch_without_a_size: [("flow", "mean = \"1/s\"\narrivals = { batch = «{ within = \"1m\" }» }")], ["`size` is missing"];
    batch_within_nothing: [("flow", "mean = \"1/s\"\narrivals = { batch = { size = 5, within = «\"0s\"» } }")], ["`within` must be above 0"];
    batch_at_no_time: [("flow", "arrivals = { batch = { size = 5, within = \"1m\", at = «[]» } }")], ["`at` names no time", "begin at random"];
    batch_after_the_span: [("flow", "arrivals = { batch = { size = 5, within = \"1m\", at = [\"+1m\", «\"02:00\"»] } }")], ["the span is over by then"];
    batch_of_a_pool_not_there: [("flow", "mean = \"1/s\"\narrivals = { batch = { size = 5, within = \"1m\", keeps = «\"merchnt\"» } }")], ["did you mean `merchant`?"];
    batch_at_times_with_a_height: [("flow", "mean = «\"1/s\"»\narrivals = { batch = { size = 5, within = \"1m\", at = [\"+1m\"] } }")], ["`mean` beside batches with `at`"];
    batch_at_times_with_a_shape: [("flow", "shape = «[]»\narrivals = { batch = { size = 5, within = \"1m\", at = [\"+1m\"] } }")], ["`shape` beside batches with `at`"];
    batch_at_random_without_a_height: [("end", "[flow.«two»]\nevent = \"placed\"\narrivals = { batch = { size = 5, within = \"1m\" } }")], ["no height in [flow.two]"];
    sizes_of_an_unknown_law: [("flow", "mean = \"1/s\"\narrivals = { batch = { size = { «lognorm» = { median = 5, sigma = 1 } }, within = \"1m\" } }")], ["did you mean `lognormal`?"];
    no_devices: [("flow", "arrivals = { periodic = { devices = «0», every = \"1s\" } }")], ["0 is impossible for devices"];
    devices_of_a_pool_not_there: [("flow", "arrivals = { periodic = { devices = «\"robot\"», every = \"1s\" } }")], ["there is no pool `robot`"];
    devices_without_a_period: [("flow", "arrivals = { periodic = «{ devices = 5 }» }")], ["`every` is missing"];
    devices_that_overtake_themselves: [("flow", "arrivals = { periodic = { devices = 5, every = \"10s\", jitter = «\"6s\"» } }")], ["could overtake", "at most half of `every`: 5s"];
    devices_with_a_height: [("flow", "peak = «\"1/s\"»\narrivals = { periodic = { devices = 5, every = \"1s\" } }")], ["`peak` beside periodic arrivals"];
    devices_in_an_unknown_phase: [("flow", "arrivals = { periodic = { devices = 5, every = \"1s\", phase = «\"alinged\"» } }")], ["did you mean `aligned`?"];
    devices_switched_on_twice: [("flow", "shape = [ «{ ramp = { from = 0.5, to = 2 } }» ]\narrivals = { periodic = { devices = 5, every = \"1s\" } }")], ["a share of 2 of the devices", "from 0 to 1"];
    noise_on_devices: [("flow", "spikes = [ «{ noise = { cv = 0.1, every = \"1m\" } }» ]\narrivals = { periodic = { devices = 5, every = \"1s\" } }")], ["noise on a share of the devices"];
    no_users: [("flow", "arrivals = { closed = { users = «0» } }")], ["impossible for users"];
    users_with_a_total: [("flow", "total = «5»\narrivals = { closed = { users = 5 } }")], ["`total` beside closed arrivals"];
    users_who_think_until_tomorrow: [("flow", "arrivals = { closed = { users = 5, think = «{ at = \"12:00\" }» } }")], ["until a clock time"];
    response_of_the_closed: [("flow", "arrivals = { closed = { users = 5 } }"), ("end", "[[slo]]\nmetric = «\"response\"»\nquantile = 0.9\nbelow = \"1s\"")], ["[flow.shop] is closed", "judge `service`"];
}

/// A journey and its flow, into which cases put their errors.
const JOURNEY: &str = r#"
[event.paid]
topic = "orders"
value = { bytes = "300B" }
[journey.shopper]
start = "view"
<journey>
[journey.shopper.state.view]
<view>
[journey.shopper.state.order]
<order>
[[journey.shopper.follow]]
<follow>
[flow.two]
<two>
"#;

/// The base with a journey, and a case's words in its places.
fn with_journey(places: &[(&str, &str)]) -> String {
    let mut text = JOURNEY.to_owned();
    for (place, words) in places {
        assert!(text.contains(&format!("<{place}>")), "{place}");
        text = text.replace(&format!("<{place}>"), words);
    }
    for (place, words) in [
        ("journey", ""),
        ("view", "emits = \"placed\"\nnext = { order = 0.5 }"),
        ("order", "emits = \"placed\""),
        ("follow", "on = \"placed\"\nemits = \"paid\""),
        ("two", "journey = \"shopper\"\nmean = \"1/s\""),
    ] {
        text = text.replace(&format!("<{place}>"), words);
    }
    base(&[("end", &text)])
}

macro_rules! journeys {
    ($($name:ident: [$(($place:literal, $words:literal)),*], [$($says:literal),+];)+) => {$(
        #[test]
        fn $name() {
            one_error(&with_journey(&[$(($place, $words)),*]), &[$($says),+]);
        }
    )+};
}

#[test]
fn the_journey_of_the_cases_is_right() {
    let loaded = load_text(&with_journey(&[]), &Overrides::default());
    let loaded = loaded.unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(loaded.warnings, []);
}

journeys! {
    unknown_word_in_a_journey: [("journey", "«at_mots» = 5")], ["unknown word `at_mots` in [journey.shopper]", "did you mean `at_most`?"];
    unknown_word_in_a_state: [("view", "«emit» = \"placed\"")], ["did you mean `emits`?"];
    unknown_word_in_a_follow_up: [("follow", "on = \"placed\"\nemits = \"paid\"\n«afer» = \"1s\"")], ["did you mean `after`?"];
    unknown_state: [("view", "emits = \"placed\"\nnext = { «ordr» = 0.5 }")], ["[journey.shopper] has no state `ordr`", "did you mean `order`?"];
    unknown_start_of_a_flow: [("two", "journey = \"shopper\"\nmean = \"1/s\"\nstart = «\"veiw\"»")], ["did you mean `view`?"];
    unknown_event_of_a_state: [("order", "emits = [\"placed\", «\"payd\"»]")], ["there is no event `payd`", "did you mean `paid`?"];
    unknown_pool_kept: [("journey", "keeps = «\"marchant\"»")], ["there is no pool `marchant`", "did you mean `merchant`?"];
    unknown_pool_kept_on: [("order", "emits = \"placed\"\nkeep_on = [«\"x\"»]")], ["there is no pool `x`"];
    unknown_journey: [("two", "journey = «\"shoper\"»\nmean = \"1/s\"")], ["there is no journey `shoper`", "did you mean `shopper`?"];
    start_without_a_journey: [("two", "event = \"placed\"\nmean = \"1/s\"\nstart = «\"view\"»")], ["`start` without a journey"];
    journey_beside_event: [("two", "event = \"placed\"\nmean = \"1/s\"\njourney = «\"shopper\"»")], ["`journey` beside `event`"];
    state_that_is_too_likely: [("view", "emits = \"placed\"\nnext = «{ order = 0.6, view = 0.5 }»")], ["add up to 1.1 in state `view`", "what is left ends the journey"];
    way_that_is_too_likely: [("view", "emits = \"placed\"\nnext = { order = «50» }")], ["a probability from 0 to 1, found 50"];
    way_without_a_probability: [("view", "emits = \"placed\"\nnext = { order = «{ after = \"2m\" }» }")], ["`p` is missing"];
    way_of_a_word: [("view", "emits = \"placed\"\nnext = { order = «\"often\"» }")], ["expected a probability, as in 0.3"];
    follow_up_that_is_too_likely: [("follow", "on = \"placed\"\nemits = \"paid\"\np = «97»")], ["share from 0 to 1"];
    follow_up_on_nothing: [("view", "emits = []\nnext = { order = 0.5 }"), ("order", ""), ("follow", "on = «\"placed\"»\nemits = \"paid\"")], ["never sends `placed`", "nothing can follow it"];
    follow_up_of_an_unknown_event: [("follow", "on = «\"plaecd\"»\nemits = \"paid\"")], ["did you mean `placed`?"];
    follow_ups_in_a_circle: [("follow", "on = \"placed\"\nemits = \"paid\"\n[[journey.shopper.follow]]\non = «\"paid\"»\nemits = \"placed\"")], ["never end: `paid` -> `placed` -> `paid`", "a smaller `p`"];
    follow_ups_that_breed: [("follow", "on = \"placed\"\nemits = \"paid\"\n[[journey.shopper.follow]]\non = «\"paid\"»\nemits = \"paid\"\np = 0.5\ntimes = 2")], ["never end: `paid` -> `paid`"];
    chain_cut_off: [("journey", "at_most = «50»"), ("view", "emits = \"placed\"\nnext = { view = 0.97 }"), ("order", "emits = \"placed\"\nnext = { view = 0.97 }"), ("two", "journey = \"shopper\"\nmean = \"1/s\"\nstart = \"order\"")], ["would be cut off after 50 events", "in the state `view`"];
    at_most_beyond_reason: [("journey", "at_most = «\"2M\"»")], ["impossible for the events of a journey", "from 1 to 1M"];
    times_of_a_fraction: [("order", "emits = \"placed\"\ntimes = «2.5»")], ["a whole number above 0, found 2.5"];
    times_of_nothing: [("order", "emits = \"placed\"\ntimes = «0»")], ["a whole number above 0"];
    law_of_two_words: [("order", "emits = \"placed\"\ntimes = «{ exponential = 3, uniform = [1, 2] }»")], ["one of `uniform`, `exponential`"];
    lag_without_a_unit: [("follow", "on = \"placed\"\nemits = \"paid\"\nafter = «5»")], ["a time needs its unit: \"5s\""];
    lag_of_nonsense: [("follow", "on = \"placed\"\nemits = \"paid\"\nafter = «\"soon\"»")], ["`soon` is not a time"];
    lag_upside_down: [("view", "emits = \"placed\"\nnext = { order = 0.5 }\nafter = «{ uniform = [\"5m\", \"1m\"] }»")], ["must not be above the second"];
    lag_of_two_clocks: [("view", "emits = \"placed\"\nnext = { order = 0.5 }\nafter = «{ uniform = [\"1s real\", \"5s\"] }»")], ["one of these times is real"];
    lag_of_no_length: [("view", "emits = \"placed\"\nnext = { order = 0.5 }\nafter = «{ exponential = \"0s\" }»")], ["`exponential` must be above 0"];
    lag_cut_off_below_its_median: [("view", "emits = \"placed\"\nnext = { order = 0.5 }\nafter = «{ lognormal = { median = \"5m\", sigma = 1, max = \"1m\" } }»")], ["`max` is below the median"];
    lag_without_a_spread: [("view", "emits = \"placed\"\nnext = { order = 0.5 }\nafter = { lognormal = «{ median = \"5m\" }» }")], ["`sigma` is missing"];
    lag_of_no_law: [("view", "emits = \"placed\"\nnext = { order = 0.5 }\nafter = { «normal» = { mean = \"5m\" } }")], ["did you mean `lognormal`?"];
    within_without_at: [("view", "emits = \"placed\"\nnext = { order = 0.5 }\nafter = «{ within = \"4h\" }»")], ["`within` stands beside `at`"];
    at_no_clock_time: [("view", "emits = \"placed\"\nnext = { order = 0.5 }\nafter = «{ at = \"+5m\" }»")], ["`at` is a clock time here"];
    journeys_of_devices: [("two", "journey = \"shopper\"\narrivals = «{ periodic = { devices = 5, every = \"1s\" } }»")], ["a journey can't begin with periodic arrivals"];
    journeys_without_a_pace: [("two", "journey = \"shopper\"\narrivals = «\"unthrottled\"»")], ["a journey can't begin with unthrottled arrivals"];
    height_of_an_event_the_journey_lacks: [("follow", "on = \"placed\"\nemits = \"placed\"\np = 0.1"), ("two", "journey = \"shopper\"\nmean = \"1/s\"\nof = «\"paid\"»")], ["does not send `paid`", "it sends: placed"];
}

#[test]
fn a_journey_without_an_end() {
    let text = with_journey(&[
        (
            "view",
            "emits = \"placed\"\nnext = { order = 0.4, view = 0.6 }",
        ),
        ("order", "emits = \"placed\"\nnext = { view = 1 }"),
    ]);
    one_error(
        &text.replace("state.view]", "state.«view»]"),
        &[
            "[journey.shopper] never ends: `view` -> `order` -> `view`",
            "no way out from here",
        ],
    );
}

#[test]
fn more_pools_kept_on_than_a_step_remembers() {
    let pools: String = ["a", "b", "c", "d"]
        .iter()
        .map(|name| format!("[pool.{name}]\ncount = 5\n"))
        .collect();
    let text = with_journey(&[(
        "order",
        "emits = \"placed\"\nkeep_on = «[\"a\", \"b\", \"c\", \"d\"]»",
    )]);
    one_error(
        &format!("{text}{pools}"),
        &["keeps 4 pools on", "at most 3"],
    );
}

#[test]
fn journeys_without_states_or_events() {
    one_error(
        &base(&[("end", "[journey.«empty»]\nstart = \"x\"")]),
        &["[journey.empty] has no states"],
    );
    let silent = "[journey.silent]\nstart = \"x\"\n[journey.silent.state.x]\n\
        [flow.two]\njourney = «\"silent\"»\nmean = \"1/s\"";
    one_error(&base(&[("end", silent)]), &["send no event"]);
}

#[test]
fn all_errors_of_a_file_are_shown_at_once() {
    let source = Source::Path(fixtures().join("many-errors.toml"));
    let errors = load(&source, &Overrides::default()).unwrap_err();
    assert!(errors.problems.len() >= 30, "{}", errors.problems.len());
    let lines: Vec<usize> = errors
        .problems
        .iter()
        .map(|p| p.place.as_ref().expect("a place").line)
        .collect();
    assert!(lines.is_sorted(), "{lines:?}");
    // The folder differs from machine to machine.
    let folder = format!("{}/", fixtures().display());
    insta::assert_snapshot!(errors.to_string().replace(&folder, ""));
}

#[test]
fn toml_errors_are_shown_beside_the_others() {
    let text = base(&[("top", "sede = 1\nname = \"open"), ("time", "warmup = 5")]);
    let errors = load_text(&text, &Overrides::default()).unwrap_err();
    let shown = errors.to_string();
    for part in [
        "this is not TOML",
        "case.toml:2:13",
        "did you mean `seed`?",
        "a time needs its unit",
    ] {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    assert_eq!(errors.problems.len(), 3, "{shown}");
}

#[test]
fn a_word_given_twice_is_an_error() {
    let text = base(&[("top", "seed = 1\nseed = 2")]);
    let shown = load_text(&text, &Overrides::default())
        .unwrap_err()
        .to_string();
    assert!(
        shown.contains("duplicate key") && shown.contains(":2:1"),
        "{shown}"
    );
}

#[test]
fn secrets_are_refused_and_never_shown() {
    for (name, value) in [
        ("sasl.password", "hunter2"),
        ("ssl.key.password", "hunter2"),
        ("ssl.keystore.password", "hunter2"),
        ("sasl.oauthbearer.client.secret", "hunter2"),
        ("sasl.jaas.config", "user hunter2"),
        ("ssl.key.pem", "hunter2"),
        ("sasl.password", "${env:X}hunter2"),
        // Where a secret is to be found is for whoever runs it to say.
        ("sasl.password", "${env:hunter2}"),
    ] {
        for text in [
            base(&[("end", &format!("[client]\n{name} = \"{value}\""))]),
            base(&[(
                "flow",
                &format!("mean = \"1/s\"\nclient = {{ {name} = '{value}', linger.ms = [] }}"),
            )]),
            base(&[(
                "consume",
                &format!("client = {{ \"{name}\" = \"{value}\" }}"),
            )]),
        ] {
            let shown = load_text(&text, &Overrides::default())
                .unwrap_err()
                .to_string();
            assert!(shown.contains(&format!("`{name}` is a secret")), "{shown}");
            assert!(
                shown.contains("${env:NAME}") && !shown.contains("hunter2"),
                "{shown}"
            );
        }
    }
}

/// The one error of the base with these flags.
#[track_caller]
fn flag_error(places: &[(&str, &str)], overrides: &Overrides, marked: &str, words: &[&str]) {
    let errors = load_text(&base(places), overrides).unwrap_err();
    assert_eq!(errors.problems.len(), 1, "{errors}");
    let shown = errors.to_string();
    let place = errors.problems[0].place.as_ref().unwrap();
    assert_eq!(place.file, "command line", "{shown}");
    assert_eq!(&place.text[place.marked.clone()], marked, "{shown}");
    for word in words {
        assert!(shown.contains(word), "`{word}` is not in\n{shown}");
    }
}

fn set(text: &str) -> Overrides {
    Overrides {
        set: vec![text.to_owned()],
        ..Overrides::default()
    }
}

#[test]
fn overrides_that_miss_are_shown_as_they_were_typed() {
    for (text, marked, words) in [
        (
            "topic.ordres.partitions=4",
            "ordres",
            &["no topic `ordres`", "did you mean `orders`?"][..],
        ),
        (
            "topic.orders.partition=4",
            "partition",
            &["unknown word `partition`", "did you mean `partitions`?"],
        ),
        (
            "topik.orders.partitions=4",
            "topik",
            &["unknown word `topik`", "did you mean `topic`?"],
        ),
        (
            "topic.orders.partitions=many",
            "many",
            &["`many` is not a whole number"],
        ),
        (
            "topic.orders.partitions=0",
            "0",
            &["0 is impossible for partitions"],
        ),
        ("flow.shop.mean=5", "5", &["a rate needs its unit"]),
        ("flow.shop.mean.x=5", "mean", &["a single value"]),
        (
            "consume.reader.topics.7=x",
            "7",
            &["no entry `7`", "it has 1"],
        ),
        (
            "topic.orders",
            "--set topic.orders",
            &["expected path=value"],
        ),
        ("topic..orders=5", "topic..orders", &["empty part"]),
        (
            "client.sasl.password=hunter2",
            "*******",
            &["`sasl.password` is a secret"],
        ),
        ("seed=-1", "-1", &["-1 can't be"]),
    ] {
        flag_error(&[], &set(text), marked, words);
    }
}

#[test]
fn locked_fields_refuse_every_flag() {
    let lock = |path: &str| format!("[load]\nlock = [\"{path}\"]");
    let with = |change: fn(&mut Overrides)| {
        let mut overrides = Overrides::default();
        change(&mut overrides);
        overrides
    };
    for (path, overrides, marked) in [
        ("seed", with(|o| o.seed = Some(5)), "--seed 5"),
        (
            "time.compress",
            with(|o| o.compress = Some(5.0)),
            "--compress 5",
        ),
        (
            "time.compress",
            with(|o| o.fit = Some(std::time::Duration::from_secs(9))),
            "--fit 9s",
        ),
        (
            "time",
            with(|o| o.duration = Some(std::time::Duration::from_secs(9))),
            "--duration 9s",
        ),
        ("load.scale", with(|o| o.scale = Some(2.0)), "--scale 2"),
        ("load", with(|o| o.shrink = Some(2.0)), "--shrink 2"),
        (
            "topic.orders.partitions",
            set("topic.orders.partitions=5"),
            "topic.orders.partitions",
        ),
        (
            "topic",
            set("topic.orders.partitions=5"),
            "topic.orders.partitions",
        ),
        (
            "topic.orders.partitions",
            set("topic.orders={}"),
            "topic.orders",
        ),
        ("seed", set("load.lock=[]"), "load.lock"),
    ] {
        flag_error(
            &[("top", &lock(path))],
            &overrides,
            marked,
            &["is locked by the scenario"],
        );
    }
    let shrink = with(|o| o.shrink = Some(2.0));
    let places = [
        ("top", &*lock("consume.reader.work")),
        ("consume", "work = \"1ms\""),
    ];
    flag_error(
        &places,
        &shrink,
        "--shrink 2",
        &["`consume.reader.work` is locked"],
    );
    let text = base(&[("top", &lock("topic.orders.partitions"))]);
    assert!(load_text(&text, &set("topic.orders.config.retention.ms=5")).is_ok());
}

#[test]
fn a_scenario_that_is_not_there_is_named() {
    let error = |name: &str| Source::named(name).unwrap_err().to_string();
    assert!(error("storefornt").contains("did you mean the preset `storefront`?"));
    let shown = error("nowhere/my.toml");
    assert!(
        shown.contains("`nowhere/my.toml`") && shown.contains("storefront"),
        "{shown}"
    );
    assert!(error("src").contains("is a folder"));
}

#[test]
fn an_empty_file_says_what_is_missing() {
    let shown = load_text("", &Overrides::default())
        .unwrap_err()
        .to_string();
    assert!(
        shown.contains("[time] is missing") && shown.contains("no flow"),
        "{shown}"
    );
}

/// Whole scenarios, and the folders of their events.
fn wholes() -> [(&'static str, &'static str); 2] {
    [
        (
            Preset::named("storefront").expect("it is built in").text,
            "scenarios",
        ),
        (
            include_str!("fixtures/language/peak-day.toml"),
            "tests/fixtures/language",
        ),
    ]
}

/// Loads a text in a folder; whatever comes out must be complete and printable.
fn survive(text: &str, folder: &str) {
    let source = Source::Text {
        name: "mutated.toml".into(),
        text: text.into(),
        folder: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder),
    };
    match load(&source, &Overrides::default()) {
        Ok(loaded) => assert!(!loaded.scenario.flows.is_empty()),
        Err(errors) => {
            assert!(
                errors
                    .problems
                    .iter()
                    .any(|p| p.severity == Severity::Error)
            );
            assert!(errors.render(true).contains("error"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_is_typed_into_a_scenario_never_panics(
        whole in prop::sample::select(wholes().to_vec()),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..30, "[\\PC\n]{0,8}"), 1..4),
    ) {
        let mut text: Vec<char> = whole.0.chars().collect();
        for (at, cut, insert) in edits {
            let at = at.index(text.len());
            let end = (at + cut).min(text.len());
            text.splice(at..end, insert.chars());
        }
        survive(&text.into_iter().collect::<String>(), whole.1);
    }

    #[test]
    fn words_in_wrong_places_never_panic(
        whole in prop::sample::select(wholes().to_vec()),
        swaps in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..4),
        value in prop::sample::select(vec!["-1", "0", "1e308", "nan", "inf", "\"\"", "[]", "{}", "true", "[[]]", "1979-05-27", "1", "{ p = 1 }", "{ exponential = \"1ns\" }", "1_000_000", "99999999999999999999", "\"9999999999999h\"", "\"+500000h\""]),
    ) {
        let words: Vec<&str> = whole.0.split_inclusive([' ', '\n', ',']).collect();
        let mut text = words.clone();
        for (i, (from, to)) in swaps.iter().enumerate() {
            let to = to.index(text.len());
            text[to] = if i == 0 { value } else { words[from.index(words.len())] };
        }
        survive(&text.concat(), whole.1);
    }
}
