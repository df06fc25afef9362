//! `envoy/quickstart`: all four filters, each a module of its own, before a mock LLM.

use crate::harness::Scenario;

#[tokio::test]
async fn the_readme_is_true() {
    let running = Scenario::new("quickstart")
        .mock("127.0.0.1:18080", "openai")
        .mock("127.0.0.1:18081", "anthropic")
        .mock("127.0.0.1:18082", "gemini")
        .start()
        .await;
    running.readme().await;
    running.assert_no_crash();
}
