//! Tables on the terminal.

/// Columns as wide as their longest cell, two spaces apart; the first row is the head, underlined.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = head.map(width);
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(width(cell));
        }
    }
    let line = |cells: [&str; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, widest)| {
            let gap = widest.saturating_sub(width(cell));
            format!("{cell}{}", " ".repeat(gap))
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let rules = widths.map(|widest| "-".repeat(widest));
    let mut lines = vec![line(head), line(rules.each_ref().map(String::as_str))];
    lines.extend(rows.iter().map(|row| line(row.each_ref().map(String::as_str))));
    lines.join("\n")
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_have_no_trailing_blanks() {
        let rows = [["clippy".to_owned(), "ok".to_owned()], ["x".to_owned(), String::new()]];
        assert_eq!(
            table(["step", "result"], &rows),
            "step    result\n------  ------\nclippy  ok\nx"
        );
    }
}
