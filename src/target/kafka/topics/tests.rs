use super::*;

fn wanted() -> Wanted {
    Wanted {
        name: "highwater.orders".into(),
        partitions: 12,
        replication: None,
        config: vec![],
        fullest: Some(Fullest {
            records: 1_000,
            bytes: 500_000,
        }),
    }
}

fn get<'a>(config: &'a [(String, String)], key: &str) -> Option<&'a str> {
    config
        .iter()
        .find(|(k, _)| k == key)
        .map(|(_, v)| v.as_str())
}

#[test]
fn created_topics_keep_an_hour_and_no_more_than_the_plan_needs() {
    let config = wanted().created_config();
    assert_eq!(get(&config, "retention.ms"), Some("3600000"));
    // 500,000 B of records and 80 B for each of 1,000.
    assert_eq!(get(&config, "retention.bytes"), Some("580000"));
    let unknown = Wanted {
        fullest: None,
        ..wanted()
    };
    assert_eq!(get(&unknown.created_config(), "retention.bytes"), None);
    let said = Wanted {
        config: vec![
            ("retention.ms".into(), "5".into()),
            ("retention.bytes".into(), "-1".into()),
        ],
        ..wanted()
    };
    assert_eq!(said.created_config(), said.config);
}

#[test]
fn existing_topics_are_used_only_when_fit() {
    let found = |partitions| Found {
        partitions,
        led: partitions,
        replicas: 3,
    };
    let mut warnings = vec![];
    fit(&wanted(), &found(12), false, &mut warnings).unwrap();
    assert!(warnings.is_empty());
    let foreign = Wanted {
        name: "orders".into(),
        ..wanted()
    };
    let error = fit(&foreign, &found(12), false, &mut warnings).unwrap_err();
    assert!(
        error.is_usage() && error.to_string().contains("--allow-existing"),
        "{error}"
    );
    fit(&foreign, &found(12), true, &mut warnings).unwrap();
    let error = fit(&wanted(), &found(6), true, &mut warnings).unwrap_err();
    assert!(error.is_usage(), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("6 partitions") && text.contains("asks for 12"),
        "{text}"
    );
    let set = Wanted {
        config: vec![("retention.ms".into(), "1".into())],
        ..wanted()
    };
    fit(&set, &found(12), false, &mut warnings).unwrap();
    assert_eq!(warnings.len(), 1);
}

#[test]
fn refusals_name_topic_setting_and_remedy() {
    let set = |key: &str, value: &str| Wanted {
        config: vec![(key.into(), value.into())],
        ..wanted()
    };
    let error = not_created(
        &set("retention.mss", "5"),
        Code::RD_KAFKA_RESP_ERR_INVALID_CONFIG,
        "Unknown topic config name: retention.mss",
    );
    assert!(error.is_usage());
    let text = error.to_string();
    for part in [
        "creating topic highwater.orders",
        "retention.mss",
        "did you mean retention.ms?",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let error = not_created(
        &wanted(),
        Code::RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
        "at most 6 partitions",
    );
    assert!(!error.is_usage());
    let text = error.to_string();
    assert!(
        text.contains("at most 6") && text.contains("partitions = 12"),
        "{text}"
    );
    let error = not_created(
        &wanted(),
        Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        "denied",
    );
    assert!(!error.is_usage());
    assert!(error.to_string().contains("CREATE"), "{error}");
}

#[test]
fn too_few_replicas_for_acks_are_warned_of() {
    let asks = Wanted {
        config: vec![("min.insync.replicas".into(), "2".into())],
        ..wanted()
    };
    assert!(
        too_few(&asks, 1)
            .unwrap()
            .contains("min.insync.replicas = 2")
    );
    assert_eq!(too_few(&asks, 2), None);
    assert_eq!(too_few(&wanted(), 1), None);
}
