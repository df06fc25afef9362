//! Configurations that are refused.

use super::*;

#[test]
fn bad_configurations_name_their_place() {
    for (config, expected) in [
        (r#"{"limit":[]}"#, "at `limit`: unknown field `limit`"),
        (
            r#"{"limits":[{"name":"a","window":"minute"}]}"#,
            "at `limits[0]`: exactly one of `tokens` and `requests` is needed",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","tokens":1,"requests":1}]}"#,
            "at `limits[0]`: exactly one of",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","tokens":0}]}"#,
            "at `limits[0].tokens`: must be between 1 and 1000000000000000",
        ),
        (
            r#"{"limits":[{"name":"a","window":"year","tokens":1}]}"#,
            "at `limits[0].window`: must be `day`",
        ),
        (
            r#"{"limits":[{"name":"a","window":"0s","tokens":1}]}"#,
            "at `limits[0].window`",
        ),
        (
            r#"{"limits":[{"name":"a","window":"745h","tokens":1}]}"#,
            "at `limits[0].window`",
        ),
        (
            r#"{"limits":[{"name":"a","window":"day","tokens":1,"burst":2}]}"#,
            "at `limits[0].burst`: a quota (`day`) has none",
        ),
        (
            r#"{"limits":[{"name":"a","window":"day","tokens":1,"utc_offset":"2"}]}"#,
            "at `limits[0].utc_offset`: must be like `+02:00`",
        ),
        (
            r#"{"limits":[{"name":"a","window":"day","tokens":1,"utc_offset":"+15:00"}]}"#,
            "at `limits[0].utc_offset`",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","tokens":1,"utc_offset":"+01:00"}]}"#,
            "at `limits[0].utc_offset`: only a",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","tokens":1,"burst":0}]}"#,
            "at `limits[0].burst`",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","requests":1,"count":"input"}]}"#,
            "at `limits[0].count`: goes with `tokens`",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","tokens":1,"count":"input","weights":{"output":2}}]}"#,
            "at `limits[0].weights`",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","tokens":1,"weights":{"output":-1}}]}"#,
            "at `limits[0].weights.output`: a weight is between 0 and 1000",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","tokens":1,"weights":{"cached":0.0001}}]}"#,
            "at `limits[0].weights.cached`",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","tokens":1,"per":["identity","identity"]}]}"#,
            "at `limits[0].per`: the same stands there twice",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","tokens":1,"per":[{"header":"a b"}]}]}"#,
            "at `limits[0].per`",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","tokens":1},{"name":"a","window":"hour","tokens":1}]}"#,
            "at `limits[1].name`: `a` is the name of an earlier limit",
        ),
        (
            r#"{"limits":[{"name":"","window":"minute","tokens":1}]}"#,
            "at `limits[0].name`",
        ),
        (
            r#"{"models":[{"match":[]}]}"#,
            "at `models[0].match`: an empty list matches nothing",
        ),
        (
            r#"{"models":[{"match":"a","factor_permille":0}]}"#,
            "at `models[0].factor_permille`",
        ),
        (
            r#"{"slots":0}"#,
            "at `slots`: must be between 1 and 1048576",
        ),
        (r#"{"max_body_bytes":0}"#, "at `max_body_bytes`"),
    ] {
        let error = TokenLimit::configure(config.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(expected),
            "{config}\n got {error}\nwant {expected}"
        );
    }
}
