//! Telling it: text for the terminal.
