//! `envoy/bundle`: the quickstart's chain from one module.

use serde_json::Value;

use crate::harness::Scenario;

#[tokio::test]
async fn the_readme_is_true() {
    let running = Scenario::new("bundle")
        .mock("127.0.0.1:18080", "openai")
        .mock("127.0.0.1:18081", "anthropic")
        .mock("127.0.0.1:18082", "gemini")
        .start()
        .await;
    running.readme().await;
    running.assert_no_crash();

    // What the README says of the other.
    let quickstart = Scenario::new("quickstart").start().await;
    let active = "wasm.envoy.wasm.runtime.v8.active";
    assert_eq!(quickstart.envoy().stat(active).await, Some(16));
}

/// So that who moves from one to the other has nothing to think about.
#[test]
fn nothing_but_the_module_differs_from_the_quickstart() {
    let mut config = Scenario::new("bundle").config().clone();
    let mut modules = 0;
    let filters =
        "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
    let quickstart = Scenario::new("quickstart").config().clone();
    let filters_of = |config: &Value| config.pointer(filters).unwrap().clone();
    let theirs = filters_of(&quickstart);
    let ours = config.pointer_mut(filters).unwrap().as_array_mut().unwrap();
    for (ours, theirs) in ours.iter_mut().zip(theirs.as_array().unwrap()) {
        let code = "/typed_config/config/vm_config/code/local/filename";
        if let Some(module) = ours.pointer_mut(code) {
            assert_eq!(module.take(), "target/weir/weir.wasm");
            *module = theirs.pointer(code).unwrap().clone();
            modules += 1;
        }
    }
    assert_eq!(modules, 4);
    assert_eq!(config, quickstart);
}
