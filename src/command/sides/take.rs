//! A run taken into the comparison: its load must be that of the others, and it counts or it does not.

use anyhow::Result;

use super::{Sides, Turn, Turned, interrupted, warm_sums};
use crate::capacity::paired::{Phase, RunRef, Standing, WarmSums, standing};
use crate::capacity::same_load::difference;
use crate::capacity::verdict::{Kind, Weight};
use crate::command::exit::Usage;
use crate::command::run::Performed;
use crate::measure::run::{Reason, RunFile};

impl Sides<'_> {
    /// Takes a run in: into the file, and by whether it counts.
    #[allow(
        clippy::type_complexity,
        reason = "either the run, or what its turn came to"
    )]
    pub(super) fn take(
        &mut self,
        side: usize,
        turn: &Turn,
        run: Performed,
        phase: Phase,
    ) -> Result<std::result::Result<(Performed, WarmSums), Turned>> {
        if phase == Phase::Steady {
            self.same_load(&run.file)?;
        }
        let sums = warm_sums(&run);
        let throttled = sums.as_ref().is_ok_and(|sums| sums.throttled > 0);
        let standing = standing(&run.file, phase, throttled);
        let folder = run.folder.strip_prefix(&self.folder).unwrap_or(&run.folder);
        let limits = run.file.generator.limits.clone();
        self.file.runs.push(RunRef {
            folder: folder.display().to_string(),
            side: self.sides[side].name.clone(),
            look: turn.look,
            pair: turn.pair,
            unthrottled: phase == Phase::Unthrottled,
            verdict: Some(run.file.verdict),
            unusable: match &standing {
                Standing::Unusable(why) => Some(why.clone()),
                _ => None,
            },
            limits,
            ..RunRef::default()
        });
        let result = &mut self.file.sides[side];
        if result.bootstrap.is_empty() {
            result.bootstrap = run.file.target.bootstrap.clone();
            result.client = run.file.target.client.clone();
        }
        // A comparison is made to the end and tells what was lost; a gate ends there.
        let is_loss =
            |reason: &Reason| Kind::from_name(&reason.kind).map(Kind::weight) == Some(Weight::Loss);
        let standing = match standing {
            Standing::Ends(reason) if self.file.kind == "compare" && is_loss(&reason) => {
                Standing::Counts
            }
            standing => standing,
        };
        Ok(match standing {
            Standing::Counts => {
                result.add(&run.file);
                let full = run
                    .file
                    .generator
                    .limits
                    .contains(&crate::measure::health::Limit::Core);
                self.full_clients += usize::from(full && phase == Phase::Unthrottled);
                Ok((run, sums?))
            }
            Standing::Unusable(why) => Err(Turned::Unusable(format!(
                "{}: {why}",
                self.sides[side].name
            ))),
            Standing::Interrupted => Err(Turned::Ends(interrupted())),
            Standing::Ends(reason) => {
                // What was lost is told with the side, as if it had counted.
                result.add(&run.file);
                Err(Turned::Ends(Reason {
                    text: format!("{}: {}", self.sides[side].name, reason.text),
                    ..reason
                }))
            }
        })
    }

    /// Every run at the scenario's rate has the load of the first, or there is nothing to compare.
    fn same_load(&mut self, run: &RunFile) -> Result<()> {
        match &self.plan {
            Some(plan) => {
                if let Some(what) = difference(plan, &run.plan) {
                    return Err(
                        Usage(format!("the runs did not have the same load: {what}")).into(),
                    );
                }
            }
            None => self.plan = Some(run.plan.clone()),
        }
        self.file.plan_hash = run.plan.hash.clone();
        Ok(())
    }
}
