//! What the steps so far say of the rates.

use super::{CONFIRMATIONS, Search};
use crate::capacity::search::belief::carried;
use crate::capacity::search::{Outcome, Purpose, Step};

impl Search {
    pub(super) fn burst(&self) -> bool {
        self.steps.iter().any(|step| step.burst)
    }

    /// The highest rate that passed.
    pub fn passed(&self) -> Option<f64> {
        let rates = self.rates(Outcome::Pass);
        rates.fold(None, |most, rate| {
            Some(most.map_or(rate, |most: f64| most.max(rate)))
        })
    }

    /// The highest rate that passed on more than credit.
    pub(super) fn proven(&self) -> Option<f64> {
        let burst = self.burst();
        let passes = self.steps.iter().filter(|s| s.outcome == Outcome::Pass);
        let rates = passes.map(|step| step.per_s * carried(&self.settings, step, burst));
        rates.fold(None, |most, rate| {
            Some(most.map_or(rate, |most: f64| most.max(rate)))
        })
    }

    /// The lowest rate that failed.
    pub fn failed(&self) -> Option<f64> {
        let rates = self.rates(Outcome::Fail);
        rates.fold(None, |least, rate| {
            Some(least.map_or(rate, |least: f64| least.min(rate)))
        })
    }

    fn rates(&self, outcome: Outcome) -> impl Iterator<Item = f64> {
        let steps = self.steps.iter();
        steps
            .filter(move |step| step.outcome == outcome)
            .map(|step| step.per_s)
    }

    pub(super) fn count(&self, purpose: Purpose) -> usize {
        let steps = self.steps.iter();
        steps.filter(|step| step.purpose == purpose).count()
    }

    fn confirmations(&self) -> impl Iterator<Item = &Step> {
        let steps = self.steps.iter();
        steps.filter(|step| step.purpose == Purpose::Confirm)
    }

    /// The rates that were to be confirmed, in order.
    pub(super) fn candidates(&self) -> Vec<f64> {
        let mut rates: Vec<f64> = self.confirmations().map(|step| step.per_s).collect();
        rates.dedup();
        rates
    }

    pub(super) fn confirmed(&self, per_s: f64) -> usize {
        let of_rate = self.confirmations().filter(|step| step.per_s == per_s);
        of_rate.filter(|step| step.outcome == Outcome::Pass).count()
    }

    pub(super) fn refused(&self, per_s: f64) -> bool {
        let mut of_rate = self.confirmations().filter(|step| step.per_s == per_s);
        of_rate.any(|step| step.outcome == Outcome::Fail)
    }

    /// The highest rate that passed all of its confirmations.
    pub(super) fn rated(&self) -> Option<f64> {
        let candidates = self.candidates().into_iter();
        candidates
            .filter(|rate| self.confirmed(*rate) >= CONFIRMATIONS && !self.refused(*rate))
            .fold(None, |most, rate| {
                Some(most.map_or(rate, |most: f64| most.max(rate)))
            })
    }
}
