//! Charts as SVG, drawn by `plotters`: colours stand in attributes, so that no style is inline.

use std::error::Error;

use maud::{Markup, PreEscaped, html};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use restartix_http_api::wire::insight::{Field, InsightTable};

/// One kind of bar.
pub(super) struct Series {
    /// Whose numbers, by the column's name.
    pub(super) column: &'static str,
    /// Its place among the colours of the style sheet.
    pub(super) colour: usize,
}

/// What a chart shows of a table.
pub(super) struct Chart<'a> {
    /// What it is called.
    pub(super) title: &'a str,
    /// The column that names the bars.
    pub(super) label: &'static str,
    /// The bars, from below; more than one stand on each other.
    pub(super) series: Vec<Series>,
    /// Whether all of it is 1.
    pub(super) of_one: bool,
}

/// As in the style sheet; each at least 3:1 on white (WCAG 2.2, 1.4.11).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x1b, 0x6e, 0x3c),
    RGBColor(0xb3, 0x5c, 0x00),
    RGBColor(0xa4, 0x26, 0x2c),
    RGBColor(0x1f, 0x4e, 0x9e),
    RGBColor(0x5b, 0x4a, 0x8a),
    RGBColor(0x5f, 0x63, 0x68),
];
/// Where something is suppressed.
const HIDDEN: RGBColor = RGBColor(0xe3, 0xe5, 0xe8);
const TEXT: RGBColor = RGBColor(0x1f, 0x23, 0x28);

/// A bar: its name, its parts, and whether one of them is suppressed.
struct Bar {
    name: String,
    parts: Vec<(f64, usize)>,
    hidden: bool,
}

fn bars(table: &InsightTable, chart: &Chart<'_>) -> Vec<Bar> {
    let place = |name: &str| table.columns.iter().position(|column| column.name == name);
    let bar = |row: &Vec<Field>| {
        let field = |name| place(name).and_then(|place| row.get(place));
        let number = |name| field(name).and_then(|field| field.text().parse::<f64>().ok());
        Bar {
            name: field(chart.label).map(Field::text).unwrap_or_default(),
            parts: chart
                .series
                .iter()
                .map(|series| (number(series.column).unwrap_or_default(), series.colour))
                .collect(),
            hidden: chart
                .series
                .iter()
                .any(|series| field(series.column) == Some(&Field::Suppressed)),
        }
    };
    table.rows.iter().map(bar).collect()
}

/// The chart for wide and for narrow screens, and what its colours mean. For eyes alone: the table
/// beside it says the same.
pub(super) fn draw(table: &InsightTable, chart: &Chart<'_>) -> Markup {
    let bars = bars(table, chart);
    let svg = |size| drawn(&bars, chart, size).unwrap_or_default();
    let title = |name: &str| table.columns.iter().find(|column| column.name == name);
    html! {
        div class="chart wide" aria-hidden="true" { (PreEscaped(svg((860, 300)))) }
        div class="chart narrow" aria-hidden="true" { (PreEscaped(svg((340, 260)))) }
        ul class="legend" aria-hidden="true" {
            @for series in &chart.series {
                li {
                    span class={ "swatch c" (series.colour) } {}
                    (title(series.column).map_or("", |column| column.title))
                }
            }
            @if bars.iter().any(|bar| bar.hidden) {
                li { span class="swatch hidden" {} "Suppressed: about too few" }
            }
        }
    }
}

fn drawn(bars: &[Bar], chart: &Chart<'_>, size: (u32, u32)) -> Result<String, Box<dyn Error>> {
    let count = f64::from(u32::try_from(bars.len().max(1))?);
    let sum = |bar: &Bar| bar.parts.iter().map(|(value, _)| value).sum::<f64>();
    let highest = bars.iter().map(sum).fold(0.0, f64::max);
    let top = if chart.of_one { 1.0 } else { (highest * 1.1).max(4.0) };
    // Names are given to as many bars as there is room for.
    let room = (f64::from(size.0) / 74.0).floor().max(1.0);
    let every = (count / room).ceil().max(1.0);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE)?;
        let mut context = ChartBuilder::on(&root)
            .margin(6)
            .margin_top(12)
            .x_label_area_size(30)
            .y_label_area_size(44)
            .build_cartesian_2d(0.0..count, 0.0..top)?;
        let font = ("sans-serif", 13).into_font().color(&TEXT);
        context
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(0)
            .y_labels(5)
            .y_label_style(font.clone())
            .light_line_style(WHITE)
            .draw()?;
        for (place, bar) in (0_u32..).zip(bars) {
            let left = f64::from(place);
            if bar.hidden {
                let whole = [(left + 0.06, 0.0), (left + 0.94, top)];
                context.draw_series([Rectangle::new(whole, HIDDEN.filled())])?;
            }
            let mut below = 0.0;
            for (value, colour) in &bar.parts {
                let corners = [(left + 0.15, below), (left + 0.85, below + value)];
                let colour = COLOURS.get(*colour).copied().unwrap_or(TEXT);
                if *value > 0.0 {
                    context.draw_series([Rectangle::new(corners, colour.filled())])?;
                }
                below += value;
            }
            if (left % every).abs() < f64::EPSILON {
                let (x, _) = context.backend_coord(&(left + 0.5, 0.0));
                let centred = font.pos(Pos::new(HPos::Center, VPos::Top));
                let y = i32::try_from(size.1)? - 28;
                root.draw_text(&bar.name, &centred, (x, y))?;
            }
        }
        root.present()?;
    }
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use restartix_http_api::wire::insight::Column;
    use restartix_telemetry::insights::Weeks;

    #[test]
    fn a_chart_has_no_style_and_no_script_inside() {
        let day = "2026-03-23".parse().unwrap();
        let columns = vec![
            Column { name: "week", title: "Week" },
            Column { name: "high", title: "0.80 and more" },
        ];
        let row = |name: &str, field| vec![Field::Text(name.to_owned()), field];
        let table = InsightTable {
            definition: "",
            weeks: Weeks::new(day, day).unwrap(),
            group_by: "everybody",
            smallest_cell: Some(11),
            patients: std::collections::BTreeSet::new(),
            columns,
            rows: vec![row("<2026-W13>", Field::Count(12)), row("2026-W14", Field::Suppressed)],
            facts: Vec::new(),
        };
        let chart = Chart {
            title: "",
            label: "week",
            series: vec![Series { column: "high", colour: 0 }],
            of_one: false,
        };
        let drawn = draw(&table, &chart).into_string();
        assert!(drawn.matches("<svg").count() == 2, "{drawn}");
        assert!(!drawn.contains("style") && !drawn.contains("<script"), "{drawn}");
        assert!(drawn.contains("&lt;2026-W13&gt;") && !drawn.contains("<2026"), "{drawn}");
        assert!(drawn.contains("#1B6E3C") && drawn.contains("#E3E5E8"), "{drawn}");
        assert!(drawn.contains("Suppressed"), "{drawn}");
    }
}
