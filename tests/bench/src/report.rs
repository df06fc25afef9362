//! The page: sections of tables, as Markdown.

use std::fmt::Write as _;

/// A part of the page.
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) tables: Vec<Table>,
}

/// A table whose first column is text and whose others are numbers.
pub(crate) struct Table {
    pub(crate) caption: String,
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// The whole page.
pub(crate) fn page(quick: bool, sections: &[Section]) -> String {
    let mut page =
        "# Benchmarks\n\nMade by `make bench` alone; nothing here is edited by hand.\n".to_owned();
    if quick {
        page += "\n**A quick run (`QUICK=1`): too short for its numbers to mean more than their order of magnitude.**\n";
    }
    for Section {
        title,
        text,
        tables,
    } in sections
    {
        let _ = write!(page, "\n## {title}\n\n{text}\n");
        for Table {
            caption,
            header,
            rows,
        } in tables
        {
            let _ = write!(
                page,
                "\n{caption}\n\n| {} |\n|---|{}\n",
                header.join(" | "),
                "--:|".repeat(header.len() - 1)
            );
            for row in rows {
                assert_eq!(row.len(), header.len(), "{caption}: {row:?}");
                let _ = writeln!(page, "| {} |", row.join(" | "));
            }
        }
    }
    page
}

/// A number without decimals, its thousands apart.
pub(crate) fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A row of a table.
pub(crate) fn row(first: &str, others: impl IntoIterator<Item = String>) -> Vec<String> {
    std::iter::once(first.to_owned()).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::{Section, Table, page, row, whole};

    #[test]
    fn a_page() {
        let table = Table {
            caption: "Legs:".to_owned(),
            header: row("", ["at rest".to_owned(), "at work".to_owned()]),
            rows: vec![row("spider", [whole(8.2), whole(7_999.6)])],
        };
        let section = Section {
            title: "Animals".to_owned(),
            text: "Counted twice.".to_owned(),
            tables: vec![table],
        };
        let expected = "# Benchmarks\n\nMade by `make bench` alone; nothing here is edited by hand.\n\
            \n## Animals\n\nCounted twice.\n\
            \nLegs:\n\n|  | at rest | at work |\n|---|--:|--:|\n| spider | 8 | 8,000 |\n";
        let sections = [section];
        assert_eq!(page(false, &sections), expected);
        assert!(page(true, &sections).contains("A quick run"));
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
