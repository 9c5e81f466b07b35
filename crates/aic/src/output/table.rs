//! Tables for people: columns as wide as what stands in them.

/// Rows under headings, each column as wide as its widest cell; only the last one is never cut.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let mut all: Vec<Vec<String>> = vec![headings.iter().map(|heading| (*heading).to_owned()).collect()];
    let last = headings.len().saturating_sub(1);
    all.extend(rows.iter().map(|row| {
        let cells = row.iter().enumerate();
        cells.map(|(column, cell)| if column == last { plain(cell) } else { cut(&plain(cell)) }).collect()
    }));
    let width = |column: usize| all.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max();
    let widths: Vec<usize> = (0..headings.len()).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &all {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width - cell.chars().count() + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// What a server sends may hold line ends and control characters; a cell of a terminal may not.
fn plain(cell: &str) -> String {
    cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn cut(cell: &str) -> String {
    const WIDEST: usize = 60;
    if cell.chars().count() <= WIDEST {
        return cell.to_owned();
    }
    cell.chars().take(WIDEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows =
            vec![vec!["churn".to_owned(), "é".to_owned()], vec!["x".to_owned(), "two\nlines".to_owned()]];
        assert_eq!(table(&["NAME", "B"], &rows), "NAME   B\nchurn  é\nx      two lines\n");
    }

    #[test]
    fn a_long_cell_is_cut_unless_nothing_stands_behind_it() {
        let long = "x".repeat(80);
        let shown = table(&["A", "B"], &[vec![long.clone(), long.clone()]]);
        assert!(shown.contains(&format!("{}…  {long}", "x".repeat(59))), "{shown}");
    }
}
