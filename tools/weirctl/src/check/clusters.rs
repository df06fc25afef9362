//! The services that filters ask: each needs a cluster that speaks HTTP/2.

use crate::document::Node;
use crate::finding::Findings;
use crate::plugin::Plugin;

/// Checks the clusters that plugins name, where all clusters stand in the document.
pub(super) fn check(document: &Node, plugins: &[Plugin<'_>], findings: &mut Findings) {
    let dynamic = document.at(&["dynamic_resources", "cds_config"]).is_some()
        || document.at(&["dynamic_resources", "ads_config"]).is_some();
    let Some(clusters) = document.at(&["static_resources", "clusters"]) else {
        return;
    };
    for plugin in plugins {
        let Some(global) = plugin.settings.get("global") else {
            continue;
        };
        let Some(entry) = global.field("cluster") else {
            continue;
        };
        let mark = plugin.settings.outer(entry.node.mark);
        let name = entry.node.text().unwrap_or_default();
        let cluster = clusters
            .elements()
            .iter()
            .find(|it| it.string("name") == name);
        match cluster {
            Some(cluster) if !speaks_http2(cluster) => {
                let message = format!(
                    "at `global.cluster`: `{name}` does not speak HTTP/2, as gRPC has to: it has no \
                     `http2_protocol_options`"
                );
                findings.error(mark, "service-cluster", message);
            }
            None if !dynamic => {
                let message = format!("at `global.cluster`: there is no cluster `{name}`");
                findings.error(mark, "service-cluster", message);
            }
            _ => {}
        }
    }
}

fn speaks_http2(cluster: &Node) -> bool {
    let mut found = false;
    cluster.walk(&mut |node| found |= node.get("http2_protocol_options").is_some());
    found
}
