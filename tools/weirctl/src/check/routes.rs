//! Routes: what no filter has judged must not reach a provider.

use weir_policy::names::header;

use crate::document::Node;
use crate::finding::Findings;
use crate::plugin::Plugin;

/// Checks the routes behind a model-router.
pub(super) fn check(route_config: &Node, router: &Plugin<'_>, findings: &mut Findings) {
    let named = |field, default| {
        let name = router
            .settings
            .get("headers")
            .map(|node| node.string(field));
        match name.unwrap_or_default() {
            "" => String::from(default),
            name => name.to_ascii_lowercase(),
        }
    };
    let provider = named("provider", header::PROVIDER);
    let ours = [
        provider.clone(),
        named("model", header::MODEL),
        named("api", header::API),
        named("route", header::ROUTE),
    ];
    let hosts = route_config
        .get("virtual_hosts")
        .map_or(&[][..], Node::elements);
    let routes: Vec<Route<'_>> = hosts
        .iter()
        .flat_map(|host| host.get("routes").map_or(&[][..], Node::elements))
        .filter_map(|node| Route::of(node, &ours))
        .collect();
    // A cluster to which some route goes by our headers is a provider's; if there is no such
    // route, every cluster may be.
    let judged = routes.iter().filter(|route| route.judged);
    let providers: Vec<&str> = judged.flat_map(|route| route.clusters.clone()).collect();
    for route in routes.iter().filter(|route| !route.judged) {
        let mut clusters = route.clusters.iter();
        let found = clusters.find(|name| providers.is_empty() || providers.contains(name));
        if let Some(cluster) = found {
            let message = format!(
                "this route to `{cluster}` matches on none of {}: requests that model-router has \
                 not judged take it",
                ours.join(", ")
            );
            findings.warning(route.node.mark, "unjudged-route", message);
        }
    }
    unrouted(&routes, &provider, router, findings);
}

/// Providers to which no route leads.
fn unrouted(routes: &[Route<'_>], provider: &str, router: &Plugin<'_>, findings: &mut Findings) {
    // Only where all routes go by the exact name of a provider is it known which have one.
    let mut named = Vec::new();
    for route in routes {
        let exact = route.headers().find_map(|header| {
            let is_provider = header.string("name").eq_ignore_ascii_case(provider);
            let exact = header.at(&["string_match", "exact"]);
            let exact = exact.or_else(|| header.get("exact_match"))?;
            is_provider.then(|| exact.text()).flatten()
        });
        match exact {
            Some(exact) => named.push(exact),
            None => return,
        }
    }
    if named.is_empty() {
        return;
    }
    let models = router.settings.get("models").map_or(&[][..], Node::entries);
    let mut told = Vec::new();
    for entry in models {
        let Some(field) = entry.node.field("provider") else {
            continue;
        };
        let name = field.node.text().unwrap_or_default();
        if !named.contains(&name) && !told.contains(&name) {
            told.push(name);
            let message = format!(
                "at `models.{}.provider`: no route leads to the provider `{name}`",
                entry.key
            );
            let mark = router.settings.outer(field.mark);
            findings.warning(mark, "no-route", message);
        }
    }
}

/// A route that forwards.
struct Route<'a> {
    node: &'a Node,
    clusters: Vec<&'a str>,
    /// It is only taken with a header that model-router sets.
    judged: bool,
}

impl<'a> Route<'a> {
    fn of(node: &'a Node, ours: &[String]) -> Option<Self> {
        let action = node.get("route")?;
        let mut clusters = Vec::new();
        clusters.extend(action.get("cluster").and_then(Node::text));
        let weighted = action.at(&["weighted_clusters", "clusters"]);
        for cluster in weighted.map_or(&[][..], Node::elements) {
            clusters.extend(cluster.get("name").and_then(Node::text));
        }
        let is_ours = |name: &str| ours.iter().any(|our| our.eq_ignore_ascii_case(name));
        let mut route = Self {
            node,
            clusters,
            judged: is_ours(action.string("cluster_header")),
        };
        let by_header = route.headers().any(|header| {
            let turned = header.get("invert_match").is_some_and(Node::is_true);
            let absent = header.get("present_match").and_then(Node::text) == Some("false");
            is_ours(header.string("name")) && turned == absent
        });
        route.judged |= by_header;
        Some(route)
    }

    fn headers(&self) -> impl Iterator<Item = &'a Node> {
        let headers = self.node.at(&["match", "headers"]);
        headers.map_or(&[][..], Node::elements).iter()
    }
}
