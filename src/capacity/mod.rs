//! What it means: SLOs and the verdict. Pure.
