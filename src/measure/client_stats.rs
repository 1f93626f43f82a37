//! The client's own view: librdkafka's statistics, which it emits as JSON.
//!
//! One text per client and interval; several are merged to one picture. Percentiles can't be merged from texts, and an average of
//! percentiles is not one: of several clients the largest p99 is kept, and its name says so.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What all clients together told for one interval. Counts and bytes are since each client's start, so they only grow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientFigures {
    /// How many clients told.
    pub clients: u32,
    /// Messages in the clients' queues and in flight, now.
    pub queued: u64,
    /// Their bytes.
    pub queued_bytes: u64,
    /// How many messages the queues may hold.
    pub queue_limit: u64,
    /// The fullest client's share of its limit, of messages or of bytes.
    pub queue_full_share_max: f64,
    /// Bytes of a batch, on average over the interval's batches; null when there were none.
    pub batch_bytes_mean: Option<f64>,
    /// Messages of a batch, on average over the interval's batches.
    pub batch_messages_mean: Option<f64>,
    /// Batches the two means are of: the weight with which they are merged.
    pub batches: u64,
    /// Each broker, by `host:port/id`.
    pub brokers: BTreeMap<String, BrokerFigures>,
}

/// What the clients told of one broker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerFigures {
    /// Clients that have a connection to it that is up.
    pub up: u32,
    /// Requests sent.
    pub requests: u64,
    /// Bytes sent on the wire.
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// Requests sent again.
    pub retries: u64,
    /// Requests that failed to be sent.
    pub errors: u64,
    /// Requests that were never answered in time.
    pub timeouts: u64,
    /// Requests waiting for their answers now.
    pub in_flight: u64,
    /// Mean round trip over the interval's requests, in microseconds; null when there were none.
    pub rtt_mean_us: Option<u64>,
    /// The largest of the clients' p99 of the round trip, in microseconds. Not the p99 of all of them together.
    pub rtt_p99_max_us: Option<u64>,
    /// Requests the mean is of.
    pub rtt_count: u64,
    /// The longest throttling the broker asked for in the interval, in microseconds: a quota at work.
    pub throttle_max_us: u64,
    /// Sum of the throttling it asked for in the interval, in microseconds.
    pub throttle_sum_us: u64,
}

/// A statistics text that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("the client's statistics can't be read: {0}")]
pub struct StatisticsError(#[from] serde_json::Error);

/// The parts of librdkafka's text that are used. It has many more fields, and new ones come with every version.
#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    msg_cnt: u64,
    #[serde(default)]
    msg_size: u64,
    #[serde(default)]
    msg_max: u64,
    #[serde(default)]
    msg_size_max: u64,
    #[serde(default)]
    brokers: BTreeMap<String, BrokerText>,
    #[serde(default)]
    topics: BTreeMap<String, TopicText>,
}

#[derive(Deserialize)]
struct BrokerText {
    nodeid: i64,
    #[serde(default)]
    source: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    tx: u64,
    #[serde(default)]
    txbytes: u64,
    #[serde(default)]
    rxbytes: u64,
    #[serde(default)]
    txretries: u64,
    #[serde(default)]
    txerrs: u64,
    #[serde(default)]
    req_timeouts: u64,
    #[serde(default)]
    waitresp_cnt: i64,
    #[serde(default)]
    rtt: Spread,
    #[serde(default)]
    throttle: Spread,
}

#[derive(Deserialize)]
struct TopicText {
    #[serde(default)]
    batchsize: Spread,
    #[serde(default)]
    batchcnt: Spread,
}

/// librdkafka's rolling window of one figure. Signed: it computes some of them with a clock that may step back.
#[derive(Default, Deserialize)]
struct Spread {
    #[serde(default)]
    max: i64,
    #[serde(default)]
    sum: i64,
    #[serde(default)]
    cnt: i64,
    #[serde(default)]
    p99: i64,
}

impl Spread {
    fn count(&self) -> u64 {
        u64::try_from(self.cnt).unwrap_or(0)
    }

    fn mean(&self) -> Option<f64> {
        (self.cnt > 0).then(|| self.sum as f64 / self.cnt as f64)
    }
}

/// A mean over both, each counted as often as it was seen.
fn weighted(a: Option<f64>, n: u64, b: Option<f64>, m: u64) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) if n + m > 0 => Some((a * n as f64 + b * m as f64) / (n + m) as f64),
        (a, b) => a.or(b),
    }
}

impl ClientFigures {
    /// Reads what one client told (librdkafka's `STATISTICS.md`).
    ///
    /// # Errors
    /// When the text is not librdkafka's.
    pub fn parse(text: &str) -> Result<ClientFigures, StatisticsError> {
        let text: Text = serde_json::from_str(text)?;
        let share = |n: u64, limit: u64| {
            if limit == 0 {
                0.0
            } else {
                n as f64 / limit as f64
            }
        };
        let mut figures = ClientFigures {
            clients: 1,
            queued: text.msg_cnt,
            queued_bytes: text.msg_size,
            queue_limit: text.msg_max,
            queue_full_share_max: share(text.msg_cnt, text.msg_max)
                .max(share(text.msg_size, text.msg_size_max)),
            ..ClientFigures::default()
        };
        for topic in text.topics.values() {
            let n = topic.batchsize.count();
            figures.batch_bytes_mean = weighted(
                figures.batch_bytes_mean,
                figures.batches,
                topic.batchsize.mean(),
                n,
            );
            figures.batch_messages_mean = weighted(
                figures.batch_messages_mean,
                figures.batches,
                topic.batchcnt.mean(),
                n,
            );
            figures.batches += n;
        }
        for (name, broker) in text.brokers {
            // A bootstrap address has no id, and the group coordinator is a second handle of a broker that is listed by its own.
            if broker.nodeid >= 0 && broker.source != "logical" {
                figures.brokers.insert(name, BrokerFigures::of(&broker));
            }
        }
        Ok(figures)
    }

    /// Adds what other clients told of the same interval: counts are summed, means weighted, and of quantiles the largest is kept.
    pub fn merge(&mut self, other: &ClientFigures) {
        self.clients += other.clients;
        self.queued += other.queued;
        self.queued_bytes += other.queued_bytes;
        self.queue_limit += other.queue_limit;
        self.queue_full_share_max = self.queue_full_share_max.max(other.queue_full_share_max);
        self.batch_bytes_mean = weighted(
            self.batch_bytes_mean,
            self.batches,
            other.batch_bytes_mean,
            other.batches,
        );
        self.batch_messages_mean = weighted(
            self.batch_messages_mean,
            self.batches,
            other.batch_messages_mean,
            other.batches,
        );
        self.batches += other.batches;
        for (name, broker) in &other.brokers {
            self.brokers.entry(name.clone()).or_default().merge(broker);
        }
    }
}

impl BrokerFigures {
    fn of(text: &BrokerText) -> BrokerFigures {
        let us = |value: i64| u64::try_from(value).unwrap_or(0);
        BrokerFigures {
            up: u32::from(matches!(text.state.as_str(), "UP" | "UPDATE")),
            requests: text.tx,
            bytes_sent: text.txbytes,
            bytes_received: text.rxbytes,
            retries: text.txretries,
            errors: text.txerrs,
            timeouts: text.req_timeouts,
            in_flight: us(text.waitresp_cnt),
            rtt_mean_us: text.rtt.mean().map(|mean| us(mean.round() as i64)),
            rtt_p99_max_us: (text.rtt.cnt > 0).then(|| us(text.rtt.p99)),
            rtt_count: text.rtt.count(),
            // Throttling alone is told in milliseconds.
            throttle_max_us: us(text.throttle.max) * 1_000,
            throttle_sum_us: us(text.throttle.sum) * 1_000,
        }
    }

    fn merge(&mut self, other: &BrokerFigures) {
        let mean = |us: Option<u64>| us.map(|us| us as f64);
        self.rtt_mean_us = weighted(
            mean(self.rtt_mean_us),
            self.rtt_count,
            mean(other.rtt_mean_us),
            other.rtt_count,
        )
        .map(|us| us.round() as u64);
        self.rtt_p99_max_us = self.rtt_p99_max_us.max(other.rtt_p99_max_us);
        self.rtt_count += other.rtt_count;
        self.up += other.up;
        self.requests += other.requests;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        self.retries += other.retries;
        self.errors += other.errors;
        self.timeouts += other.timeouts;
        self.in_flight += other.in_flight;
        self.throttle_max_us = self.throttle_max_us.max(other.throttle_max_us);
        self.throttle_sum_us += other.throttle_sum_us;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text with the fields of librdkafka 2.12 that matter, and some that do not.
    fn text(msg_cnt: u64, rtt: (i64, i64, i64), batches: (i64, i64)) -> String {
        let (sum, cnt, p99) = rtt;
        let (bytes, n) = batches;
        format!(
            r#"{{"name":"rdkafka#producer-1","type":"producer","ts":1,"replyq":0,"msg_cnt":{msg_cnt},"msg_size":7000,
            "msg_max":1000,"msg_size_max":70000,"simple_cnt":0,
            "brokers":{{
              "localhost:9092/bootstrap":{{"name":"localhost:9092/bootstrap","nodeid":-1,"state":"UP","tx":3,"rtt":{{"cnt":1,"sum":9,"p99":9}}}},
              "GroupCoordinator":{{"name":"GroupCoordinator","nodeid":2,"source":"logical","state":"UP","tx":3}},
              "localhost:9092/2":{{"name":"localhost:9092/2","nodeid":2,"nodename":"localhost:9092","state":"UP","outbuf_cnt":0,
                "waitresp_cnt":4,"tx":320,"txbytes":84283332,"txerrs":0,"txretries":2,"txidle":-1,"req_timeouts":1,"rxbytes":15708,
                "rtt":{{"min":1580,"max":3389,"avg":2349,"sum":{sum},"stddev":474,"p50":2319,"p99":{p99},"outofrange":0,"hdrsize":13424,"cnt":{cnt}}},
                "throttle":{{"min":0,"max":12,"avg":0,"sum":30,"cnt":34}},
                "toppars":{{"test-1":{{"topic":"test","partition":1}}}}}}}},
            "topics":{{"test":{{"topic":"test","age":9060,
                "batchsize":{{"min":99,"max":391805,"avg":272593,"sum":{bytes},"cnt":{n}}},
                "batchcnt":{{"min":1,"max":6603,"avg":4591,"sum":{},"cnt":{n}}},"partitions":{{}}}}}},
            "eos":{{}},"tx":1}}"#,
            n * 10,
        )
    }

    #[test]
    fn the_documented_fields_are_read() {
        let f = ClientFigures::parse(&text(250, (79_866, 34, 3_391), (18_536_324, 68)))
            .expect("legal text");
        assert_eq!(
            (f.clients, f.queued, f.queued_bytes, f.queue_limit),
            (1, 250, 7_000, 1_000)
        );
        assert!((f.queue_full_share_max - 0.25).abs() < 1e-12);
        assert_eq!(
            (f.batch_bytes_mean, f.batch_messages_mean, f.batches),
            (Some(272_593.0), Some(10.0), 68)
        );
        assert_eq!(
            f.brokers.len(),
            1,
            "bootstrap and coordinator handles are not brokers"
        );
        let b = &f.brokers["localhost:9092/2"];
        assert_eq!(
            (
                b.up,
                b.requests,
                b.bytes_sent,
                b.retries,
                b.timeouts,
                b.in_flight
            ),
            (1, 320, 84_283_332, 2, 1, 4)
        );
        assert_eq!(
            (b.rtt_mean_us, b.rtt_p99_max_us, b.rtt_count),
            (Some(2_349), Some(3_391), 34)
        );
        assert_eq!((b.throttle_max_us, b.throttle_sum_us), (12_000, 30_000));
    }

    #[test]
    fn clients_merge_by_weight_and_keep_the_worst_quantile() {
        let mut a =
            ClientFigures::parse(&text(100, (1_000, 10, 150), (1_000, 10))).expect("legal text");
        let b = ClientFigures::parse(&text(900, (90_000, 90, 9_000), (90_000, 30)))
            .expect("legal text");
        a.merge(&b);
        let broker = &a.brokers["localhost:9092/2"];
        // (10 × 100 + 90 × 1000) / 100 and not (100 + 1000) / 2.
        assert_eq!((broker.rtt_mean_us, broker.rtt_count), (Some(910), 100));
        assert_eq!(
            (broker.rtt_p99_max_us, broker.requests, broker.up),
            (Some(9_000), 640, 2)
        );
        // (10 × 100 + 30 × 3000) / 40.
        assert_eq!((a.batch_bytes_mean, a.batches), (Some(2_275.0), 40));
        assert_eq!(
            (a.clients, a.queued, a.queue_limit, a.queue_full_share_max),
            (2, 1_000, 2_000, 0.9)
        );
    }

    #[test]
    fn an_idle_client_has_no_means() {
        let f = ClientFigures::parse(&text(0, (0, 0, 0), (0, 0))).expect("legal text");
        assert_eq!(
            (
                f.batch_bytes_mean,
                f.brokers["localhost:9092/2"].rtt_mean_us
            ),
            (None, None)
        );
        assert_eq!(f.brokers["localhost:9092/2"].rtt_p99_max_us, None);
        let mut busy = ClientFigures::parse(&text(1, (500, 5, 120), (700, 7))).expect("legal text");
        busy.merge(&f);
        assert_eq!((busy.batch_bytes_mean, busy.batches), (Some(100.0), 7));
        assert_eq!(busy.brokers["localhost:9092/2"].rtt_mean_us, Some(100));
    }

    #[test]
    fn other_texts_are_errors() {
        assert!(ClientFigures::parse("").is_err());
        assert!(ClientFigures::parse(r#"{"msg_cnt":"many"}"#).is_err());
    }
}
