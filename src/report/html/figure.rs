//! A plot on the page, drawn once for a wide screen and once for a narrow one.

use maud::{Markup, PreEscaped, html};

use crate::report::plot::{Figure, HALF, NARROW, Size, WIDE, shown, svg};

/// Plots, small ones in pairs.
pub(in crate::report) fn figures(figures: &[&Figure]) -> Markup {
    let (half, whole): (Vec<&Figure>, Vec<&Figure>) =
        figures.iter().copied().partition(|figure| figure.half);
    html! {
        @for figure in whole { (plot(figure, WIDE)) }
        @if !half.is_empty() {
            div.pair { @for figure in half { (plot(figure, HALF)) } }
        }
    }
}

fn plot(figure: &Figure, size: Size) -> Markup {
    html! {
        figure id=(figure.id) {
            h3 { (shown(&figure.title)) }
            div.plot role="img" aria-label=(shown(&figure.alt)) {
                div.wide { (drawing(figure, size)) }
                div.narrow { (drawing(figure, NARROW)) }
            }
            @if let Some(note) = &figure.note { figcaption { (note) } }
        }
    }
}

fn drawing(figure: &Figure, size: Size) -> Markup {
    match svg(figure, size) {
        Ok(text) => PreEscaped(text),
        Err(why) => html! { p { (why) } },
    }
}
