//! Plots as files: `.svg` and `.png`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use plotters::backend::{BitMapBackend, SVGBackend};
use plotters::drawing::IntoDrawingArea;

use crate::measure::folder::write_by_rename;
use crate::report::data::RunData;

use super::canvas::Medium;
use super::draw::{HALF, Size, WIDE, draw, pixels};
use super::{Figure, figures};

/// A plot that can't be written.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The file system refused.
    #[error("can't write {path}: {source}; choose another folder with --plots")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Drawing failed.
    #[error("can't draw {path}: {why}")]
    Draw {
        /// The file.
        path: PathBuf,
        /// What the drawing said.
        why: String,
    },
}

/// Writes every plot of these runs into a folder, as `.svg` and as `.png`; makes the folder where it is missing. Returns the files.
///
/// # Errors
/// When the file system refuses, or a plot can't be drawn.
pub fn files(runs: &[RunData], dir: &Path) -> Result<Vec<PathBuf>, PlotError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| PlotError::Io { path, source }
    };
    fs::create_dir_all(dir).map_err(io(dir))?;
    let mut written = Vec::new();
    for figure in figures(runs) {
        let size = if figure.half { HALF } else { WIDE };
        // Room for the title.
        let size = Size {
            height: size.height + 40,
            ..size
        };
        let path = dir.join(format!("{}.svg", figure.id));
        let svg = svg_file(&figure, size).map_err(failed(&path))?;
        write_by_rename(&path, svg.as_bytes()).map_err(io(&path))?;
        written.push(path);
        let path = dir.join(format!("{}.png", figure.id));
        png_file(&figure, size, &path).map_err(failed(&path))?;
        written.push(path);
    }
    Ok(written)
}

fn failed(path: &Path) -> impl FnOnce(String) -> PlotError {
    let path = path.to_owned();
    move |why| PlotError::Draw { path, why }
}

fn svg_file(figure: &Figure, size: Size) -> Result<String, String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, pixels(size)).into_drawing_area();
        draw(&area, Medium::Svg, figure, size, true)
            .and_then(|()| area.present())
            .map_err(|error| error.to_string())?;
    }
    Ok(text)
}

fn png_file(figure: &Figure, size: Size, path: &Path) -> Result<(), String> {
    let area = BitMapBackend::new(path, pixels(size)).into_drawing_area();
    draw(&area, Medium::Bitmap, figure, size, true)
        .and_then(|()| area.present())
        .map_err(|error| error.to_string())
}
