//! `schema`: the JSON Schema of scenario files.

use std::io::Write;

use crate::scenario::SCHEMA;

/// Prints the schema.
pub fn schema(out: &mut dyn Write) -> anyhow::Result<()> {
    out.write_all(SCHEMA.as_bytes())?;
    Ok(())
}
