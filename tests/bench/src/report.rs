//! The results, and the page they become.

use std::fmt::Write as _;
use std::time::Duration;

/// Everything one run has found.
pub(crate) struct Report {
    pub(crate) quick: bool,
    /// What was measured on, by name.
    pub(crate) machine: Vec<(String, String)>,
    /// Whether Envoy had a core to itself.
    pub(crate) pinned: bool,
    /// Modules and chains that were left out.
    pub(crate) missing: Vec<String>,
    /// The chains, plain Envoy first; all figures below are in this order.
    pub(crate) chains: Vec<String>,
    pub(crate) rounds: usize,
    pub(crate) slice: Duration,
    pub(crate) compared: Vec<Compared>,
    pub(crate) footprints: Vec<Footprint>,
    pub(crate) restoring: Vec<Restoring>,
    pub(crate) inside: Inside,
}

/// One kind of work on all chains.
pub(crate) struct Compared {
    pub(crate) work: String,
    pub(crate) connections: usize,
    pub(crate) stream: bool,
    pub(crate) figures: Vec<Figures>,
}

/// One kind of work on one chain. Costs are of one request.
#[derive(Clone, Copy, Default)]
pub(crate) struct Figures {
    pub(crate) cpu_us: f64,
    /// To plain Envoy in the same round.
    pub(crate) ratio: f64,
    pub(crate) per_second: f64,
    /// To the end of the answer, median and 99th percentile.
    pub(crate) whole_ms: [f64; 2],
    /// To its first bytes.
    pub(crate) first_ms: [f64; 2],
    /// The share of its core that Envoy used.
    pub(crate) busy: f64,
    pub(crate) client_us: f64,
    pub(crate) mock_us: f64,
}

/// What a chain takes to be there, at one, two and four workers.
#[derive(Default)]
pub(crate) struct Footprint {
    pub(crate) chain: String,
    pub(crate) start_s: Vec<f64>,
    pub(crate) rss_mib: Vec<f64>,
}

/// Streams whose answer holds placeholders.
pub(crate) struct Restoring {
    pub(crate) chain: String,
    /// Whether every answer had the value in it.
    pub(crate) restored: bool,
    pub(crate) figures: Figures,
}

/// Long inputs.
pub(crate) struct Inside {
    /// The chains, plain Envoy first.
    pub(crate) filters: Vec<String>,
    pub(crate) rows: Vec<Throughput>,
    pub(crate) rss_before_mib: Vec<f64>,
    pub(crate) rss_after_mib: Vec<f64>,
}

/// One kind of long input, on all of those but plain Envoy.
pub(crate) struct Throughput {
    pub(crate) text: String,
    pub(crate) mib: usize,
    /// `None` where it took no longer than plain Envoy.
    pub(crate) mb_per_s: Vec<Option<f64>>,
}

type Cell<'a> = &'a dyn Fn(&Figures) -> String;

impl Report {
    /// The page, in Markdown.
    pub(crate) fn render(&self) -> String {
        let mut page =
            "# Benchmarks\n\nMade by `make bench` alone; nothing here is edited by hand.\n"
                .to_owned();
        if self.quick {
            page += "\n**A quick run (`QUICK=1`): too short for its numbers to mean more than their order of magnitude.**\n";
        }
        page += "\n## Where and how\n\n";
        page += &table(
            &["", ""],
            self.machine
                .iter()
                .map(|(name, value)| vec![name.clone(), value.clone()]),
        );
        self.method(&mut page);
        self.comparison(&mut page);
        self.footprint(&mut page);
        self.restore(&mut page);
        self.speed(&mut page);
        page += "\n## Not measured\n\n\
            LiteLLM's proxy and other products; HTTP/2 and TLS; requests that are refused; many \
            configured rules; more than one worker under load; restoring, pricing and the store by \
            themselves (they are in the figures of their filters).\n";
        page
    }

    fn method(&self, page: &mut String) {
        let place = match self.pinned {
            true => {
                "one worker; its process has one core to itself, and the client, a native \
                     program, and the upstream, a native mock LLM, are on another"
            }
            false => "one worker; there is one core, which client and upstream share with it",
        };
        let (rounds, slice) = (self.rounds, self.slice.as_millis());
        let _ = write!(
            page,
            "\nAll chains run side by side, each in an Envoy of its own: {place}. Everything speaks \
             HTTP/1.1 over unix sockets on connections that stay open. In each of {rounds} rounds \
             every chain has its turn of {slice} ms (and at least one request on each connection), \
             in rotating order, after a turn that is not counted; a figure is the median over the \
             rounds, a ratio the median of the ratios to plain Envoy within each round, a percentile \
             is over all requests.\n\n\
             - **CPU** is Envoy's own, user and system, as the kernel's scheduler accounts it to the \
             process, divided by requests; no clock is in it.\n\
             - **Bodies** are chats of English, code, Chinese and JSON messages in turn, made from a \
             seed, in which no sentence comes twice; one English sentence in twenty-five has an \
             address, a number or an IP in it. Answers have 97 words: one JSON body, or a stream of \
             100 events on a request of 2 KB, at once or 5 ms apart.\n\
             - **The filters** have everything on: identity, access and rules; every detector that \
             is on by default; two token limits and a request limit; a budget. All limits are far away.\n\
             - The upstream counts no tokens and says the usage it is told.\n"
        );
        if !self.missing.is_empty() {
            let _ = write!(page, "\n**Left out: {}.**\n", self.missing.join("; "));
        }
    }

    fn comparison(&self, page: &mut String) {
        *page += "\n## Side by side\n";
        let mut at: Vec<_> = self.compared.iter().map(|it| it.connections).collect();
        at.dedup();
        for connections in at {
            let _ = write!(page, "\n### {}\n", counted(connections, "connection"));
            let works = || {
                self.compared
                    .iter()
                    .filter(move |it| it.connections == connections)
            };
            let all: Vec<_> = works().collect();
            let streams: Vec<_> = works().filter(|it| it.stream).collect();
            let percentiles = |[p50, p99]: [f64; 2]| format!("{p50:.2} / {p99:.2}");
            self.figures(
                page,
                "Envoy's CPU, µs per request (ratio to plain Envoy)",
                &all,
                &|it| format!("{} ({:.2})", whole(it.cpu_us), it.ratio),
            );
            self.figures(page, "Requests per second", &all, &|it| {
                whole(it.per_second)
            });
            self.figures(page, "Latency, ms, p50 / p99", &all, &|it| {
                percentiles(it.whole_ms)
            });
            self.figures(
                page,
                "Time to the first event, ms, p50 / p99",
                &streams,
                &|it| percentiles(it.first_ms),
            );
            self.figures(
                page,
                "Who was busy: share of Envoy's core in use; µs per request of the upstream + the client. \
                 Where Envoy's share is far from 100 %, requests per second are the client's, not Envoy's",
                &all,
                &|it| format!("{:.0} %; {} + {}", it.busy * 100.0, whole(it.mock_us), whole(it.client_us)),
            );
        }
    }

    fn figures(&self, page: &mut String, title: &str, works: &[&Compared], cell: Cell<'_>) {
        let _ = write!(page, "\n{title}:\n\n");
        let mut header = vec![""];
        header.extend(works.iter().map(|it| it.work.as_str()));
        let rows = self.chains.iter().enumerate().map(|(index, chain)| {
            let cells = works.iter().map(|it| cell(&it.figures[index]));
            std::iter::once(chain.clone()).chain(cells).collect()
        });
        *page += &table(&header, rows);
    }

    fn footprint(&self, page: &mut String) {
        *page += "\n## Start-up and memory\n\n\
            From the start of the process until it takes requests (no core is reserved), and resident \
            memory after 32 connections have sent bodies of 2 and 20 KB; at 1, 2 and 4 workers. What \
            a worker adds is taken from 1 to 4 workers; each has a VM of its own per module.\n\n";
        let rows = self.footprints.iter().map(|it| {
            let mut row = vec![it.chain.clone()];
            row.extend(it.start_s.iter().map(|s| format!("{s:.2}")));
            row.extend(it.rss_mib.iter().map(|mib| whole(*mib)));
            let per_worker = it
                .rss_mib
                .last()
                .zip(it.rss_mib.first())
                .map(|(four, one)| (four - one) / 3.0);
            row.push(per_worker.map_or_else(String::new, |mib| format!("{mib:.1}")));
            row
        });
        *page += &table(
            &[
                "",
                "ready, s: 1",
                "2",
                "4",
                "RSS, MiB: 1",
                "2",
                "4",
                "each worker adds, MiB",
            ],
            rows,
        );
    }

    fn restore(&self, page: &mut String) {
        *page += "\n## Restoring in a stream\n\n\
            A request with an e-mail address; the answer is a stream of 20 words, 5 ms apart, of which \
            every fifth is its placeholder. One connection.\n\n";
        let rows = self.restoring.iter().map(|it| {
            let [p50, p99] = it.figures.first_ms;
            let ([whole50, whole99], restored) =
                (it.figures.whole_ms, if it.restored { "yes" } else { "no" });
            vec![
                it.chain.clone(),
                restored.to_owned(),
                format!("{p50:.2} / {p99:.2}"),
                format!("{whole50:.1} / {whole99:.1}"),
                format!("{} ({:.2})", whole(it.figures.cpu_us), it.figures.ratio),
            ]
        });
        *page += &table(
            &[
                "",
                "restored",
                "first event, ms, p50 / p99",
                "whole, ms, p50 / p99",
                "CPU, µs (ratio)",
            ],
            rows,
        );
    }

    fn speed(&self, page: &mut String) {
        *page += "\n## Inside the VM\n\n\
            One text of that size as the `input` of an embeddings request, made anew for every \
            request; MB of text per second of the CPU that Envoy takes beyond plain Envoy for the same \
            request. That includes copying the body into the VM and reading it as JSON, which is most \
            of what model-router does. `–`: no more than plain Envoy.\n\n";
        let mut header = vec!["MB/s", "MiB"];
        header.extend(self.inside.filters.iter().skip(1).map(String::as_str));
        let rows = self.inside.rows.iter().map(|row| {
            let cells = row.mb_per_s.iter();
            let cells =
                cells.map(|speed| speed.map_or_else(|| "–".to_owned(), |mb| format!("{mb:.1}")));
            [row.text.clone(), row.mib.to_string()]
                .into_iter()
                .chain(cells)
                .collect()
        });
        *page += &table(&header, rows);
        *page += "\nResident memory of these Envoys, MiB, with one worker, before and after; a VM never \
            shrinks, and plain Envoy keeps buffers too:\n\n";
        let inside = &self.inside;
        let memory = inside.rss_before_mib.iter().zip(&inside.rss_after_mib);
        let rows = inside
            .filters
            .iter()
            .zip(memory)
            .map(|(chain, (before, after))| {
                let more = after - inside.rss_after_mib[0];
                vec![chain.clone(), whole(*before), whole(*after), whole(more)]
            });
        *page += &table(&["", "before", "after", "after, beyond plain Envoy"], rows);
    }
}

/// A table whose first column is text and whose others are numbers.
fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let numbers = header.len() - 1;
    let mut text = format!(
        "| {} |\n|---|{}\n",
        header.join(" | "),
        "--:|".repeat(numbers)
    );
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

/// A number without decimals, its thousands apart.
fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Compared, Figures, Footprint, Inside, Report, Restoring, Throughput, whole};

    fn figures(cpu_us: f64, ratio: f64) -> Figures {
        Figures {
            cpu_us,
            ratio,
            per_second: 12_345.6,
            whole_ms: [1.5, 2.25],
            first_ms: [0.5, 0.75],
            busy: 0.98,
            client_us: 20.0,
            mock_us: 30.0,
        }
    }

    fn sample(quick: bool) -> Report {
        let compared = |work: &str, connections, stream| Compared {
            work: work.to_owned(),
            connections,
            stream,
            figures: vec![figures(45.0, 1.0), figures(1_345.4, 29.9)],
        };
        let chains = ["plain Envoy", "pii-redact"].map(str::to_owned).to_vec();
        Report {
            quick,
            machine: vec![("processor".to_owned(), "abacus".to_owned())],
            pinned: true,
            missing: vec!["cost.wasm".to_owned()],
            chains: chains.clone(),
            rounds: 7,
            slice: Duration::from_millis(700),
            compared: vec![
                compared("2 KB", 32, false),
                compared("stream paced", 32, true),
                compared("2 KB", 1, false),
            ],
            footprints: vec![Footprint {
                chain: "pii-redact".to_owned(),
                start_s: vec![0.1, 0.2, 0.4],
                rss_mib: vec![100.0, 110.0, 130.0],
            }],
            restoring: vec![Restoring {
                chain: "pii-redact".to_owned(),
                restored: true,
                figures: figures(90.0, 2.0),
            }],
            inside: Inside {
                filters: chains,
                rows: vec![
                    Throughput {
                        text: "English".to_owned(),
                        mib: 7,
                        mb_per_s: vec![Some(61.25)],
                    },
                    Throughput {
                        text: "spaces".to_owned(),
                        mib: 7,
                        mb_per_s: vec![None],
                    },
                ],
                rss_before_mib: vec![60.0, 100.0],
                rss_after_mib: vec![80.0, 150.0],
            },
        }
    }

    #[test]
    fn every_figure_is_on_the_page() {
        let page = sample(false).render();
        for expected in [
            "| processor | abacus |",
            "**Left out: cost.wasm.**",
            "7 rounds every chain has its turn of 700 ms",
            "### 32 connections\n",
            "### 1 connection\n",
            "|  | 2 KB | stream paced |\n|---|--:|--:|\n| plain Envoy | 45 (1.00) | 45 (1.00) |\n\
             | pii-redact | 1,345 (29.90) | 1,345 (29.90) |\n",
            "| pii-redact | 12,346 | 12,346 |",
            "| plain Envoy | 1.50 / 2.25 | 1.50 / 2.25 |",
            "|  | stream paced |\n|---|--:|\n| plain Envoy | 0.50 / 0.75 |\n",
            "| plain Envoy | 98 %; 30 + 20 |",
            "| pii-redact | 0.10 | 0.20 | 0.40 | 100 | 110 | 130 | 10.0 |",
            "| pii-redact | yes | 0.50 / 0.75 | 1.5 / 2.2 | 90 (2.00) |",
            "| MB/s | MiB | pii-redact |\n",
            "| English | 7 | 61.2 |\n| spaces | 7 | – |\n",
            "| pii-redact | 100 | 150 | 70 |",
        ] {
            assert!(page.contains(expected), "{expected}\nis not in\n{page}");
        }
        assert!(!page.contains("quick run"), "{page}");
        assert!(sample(true).render().contains("quick run"));
    }

    #[test]
    fn every_row_of_a_table_has_as_many_cells_as_its_header() {
        let page = sample(false).render();
        let mut columns = None;
        for line in page.lines() {
            let cells = line.starts_with('|').then(|| line.matches('|').count());
            assert!(
                columns.is_none() || cells.is_none() || cells == columns,
                "{line}"
            );
            columns = cells;
        }
    }

    #[test]
    fn thousands_are_apart() {
        for (number, text) in [
            (0.4, "0"),
            (999.0, "999"),
            (1_000.0, "1,000"),
            (-123_456.0, "-123,456"),
        ] {
            assert_eq!(whole(number), text, "{number}");
        }
    }
}
