//! Figures say what the windows and the totals say.
