//! The life of NDK objects as both sides see it: who was created under whom, what is closed.
//!
//! ```text
//!   Open --close called--> Closing --STATUS_SUCCESS--------------------------> Closed
//!                            |  \--STATUS_PENDING--> Pending --completion--> Calling --returns--> Closed
//!                            \--completion before the return--> Calling (early) --> Closed
//! ```
//!
//! Pure bookkeeping: events come in, broken rules come out ([`Breach`]). LIFE-01 to LIFE-31.

use std::collections::{BTreeSet, HashMap};

use super::kind::Kind;

/// Names one object for ever; addresses are used again, ids are not.
pub type Id = u64;

/// Where an object is between its creation and the end of its close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Usable.
    Open,
    /// The close function has been called and has not returned.
    Closing,
    /// The close function returned STATUS_PENDING.
    Pending,
    /// The close completion callback is running.
    Calling,
    /// Gone.
    Closed,
}

/// A broken life rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Breach {
    /// The consumer closes what it has closed before.
    DoubleClose,
    /// The provider called the close completion twice.
    DoubleCloseCompletion,
    /// The provider called the close completion although the close returned STATUS_SUCCESS.
    CompletionAfterSuccess,
    /// The provider called a close completion that nobody asked for.
    CompletionWithoutClose,
    /// The provider ended the close of an antecedent while this successor was not closed.
    ClosedBeforeSuccessor(Id, State),
}

#[derive(Debug)]
struct Object {
    kind: Kind,
    state: State,
    antecedents: Vec<Id>,
    successors: BTreeSet<Id>,
    /// Antecedents whose close ended while the close function of this object was being executed.
    outlived: Vec<Id>,
    /// The completion ran before the close function returned.
    early: bool,
}

/// All objects of the machine that are not closed.
#[derive(Debug, Default)]
pub struct Registry {
    objects: HashMap<Id, Object>,
    next: Id,
}

impl Registry {
    /// A new object under its antecedents.
    pub fn open(&mut self, kind: Kind, antecedents: &[Id]) -> Id {
        self.next += 1;
        let id = self.next;
        let object = Object {
            kind,
            state: State::Open,
            antecedents: Vec::new(),
            successors: BTreeSet::new(),
            outlived: Vec::new(),
            early: false,
        };
        self.objects.insert(id, object);
        for antecedent in antecedents {
            self.depend(id, *antecedent);
        }
        id
    }

    /// `id` now also depends on `antecedent`: a connector on the QP that it was given (LIFE-25).
    pub fn depend(&mut self, id: Id, antecedent: Id) {
        let Some(parent) = self.objects.get_mut(&antecedent) else { return };
        if parent.successors.insert(id)
            && let Some(object) = self.objects.get_mut(&id)
        {
            object.antecedents.push(antecedent);
        }
    }

    /// `id` no longer depends on `antecedent`: the connect failed (LIFE-25).
    pub fn release(&mut self, id: Id, antecedent: Id) {
        if let Some(object) = self.objects.get_mut(&id) {
            object.antecedents.retain(|other| *other != antecedent);
        }
        if let Some(parent) = self.objects.get_mut(&antecedent) {
            parent.successors.remove(&id);
        }
    }

    /// The state of an object; `Closed` also for one that never was.
    pub fn state(&self, id: Id) -> State {
        self.objects.get(&id).map_or(State::Closed, |object| object.state)
    }

    /// The successors of an object that the consumer has not begun to close, nearest leaves last.
    pub fn open_descendants(&self, id: Id) -> Vec<(Id, Kind)> {
        let mut seen = BTreeSet::new();
        let mut todo = vec![id];
        while let Some(at) = todo.pop() {
            let Some(object) = self.objects.get(&at) else { continue };
            for successor in &object.successors {
                if seen.insert(*successor) {
                    todo.push(*successor);
                }
            }
        }
        seen.into_iter()
            .filter_map(|id| self.objects.get(&id).map(|object| (id, object)))
            .filter(|(_, object)| object.state == State::Open)
            .map(|(id, object)| (id, object.kind))
            .collect()
    }

    /// The consumer calls the close function.
    pub fn close_called(&mut self, id: Id) -> Result<(), Breach> {
        match self.objects.get_mut(&id) {
            Some(object) if object.state == State::Open => {
                object.state = State::Closing;
                Ok(())
            }
            _ => Err(Breach::DoubleClose),
        }
    }

    /// The close function returned STATUS_SUCCESS.
    pub fn close_succeeded(&mut self, id: Id) -> Result<(), Breach> {
        match self.objects.get(&id) {
            Some(object) if object.early => return Err(Breach::CompletionAfterSuccess),
            Some(_) => {}
            // The completion ran to its end before the function returned: it promised STATUS_PENDING.
            None => return Err(Breach::CompletionAfterSuccess),
        }
        self.end_check(id)?;
        self.remove(id);
        Ok(())
    }

    /// The close function returned STATUS_PENDING.
    pub fn close_pended(&mut self, id: Id) -> Result<(), Breach> {
        let Some(object) = self.objects.get_mut(&id) else { return Ok(()) };
        if object.state == State::Closing {
            object.state = State::Pending;
            if let Some(antecedent) = object.outlived.first() {
                return Err(Breach::ClosedBeforeSuccessor(*antecedent, State::Pending));
            }
        }
        Ok(())
    }

    /// The provider calls the close completion; the consumer's callback comes next.
    pub fn close_completing(&mut self, id: Id) -> Result<(), Breach> {
        let Some(object) = self.objects.get_mut(&id) else {
            return Err(Breach::DoubleCloseCompletion);
        };
        match object.state {
            State::Open => return Err(Breach::CompletionWithoutClose),
            State::Calling | State::Closed => return Err(Breach::DoubleCloseCompletion),
            State::Closing => object.early = true,
            State::Pending => {}
        }
        object.state = State::Calling;
        self.end_check(id)
    }

    /// The consumer's close completion callback has returned.
    pub fn close_completed(&mut self, id: Id) {
        self.remove(id);
    }

    /// The close of `id` ends here: LIFE-10 and LIFE-11 hold, or not.
    ///
    /// A successor whose close function is being executed may have ended already, inside the
    /// provider; it is decided when that function returns.
    fn end_check(&mut self, id: Id) -> Result<(), Breach> {
        let successors: Vec<Id> =
            self.objects.get(&id).map(|object| object.successors.iter().copied().collect()).unwrap_or_default();
        for successor in successors {
            let Some(object) = self.objects.get_mut(&successor) else { continue };
            match object.state {
                State::Closing => object.outlived.push(id),
                State::Closed => {}
                state => return Err(Breach::ClosedBeforeSuccessor(successor, state)),
            }
        }
        Ok(())
    }

    fn remove(&mut self, id: Id) {
        let Some(object) = self.objects.remove(&id) else { return };
        for antecedent in object.antecedents {
            if let Some(parent) = self.objects.get_mut(&antecedent) {
                parent.successors.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> (Registry, Id, Id, Id) {
        let mut registry = Registry::default();
        let adapter = registry.open(Kind::Adapter, &[]);
        let pd = registry.open(Kind::Pd, &[adapter]);
        let mr = registry.open(Kind::Mr, &[pd]);
        (registry, adapter, pd, mr)
    }

    #[test]
    fn inline_closes_from_the_leaf_up_are_fine() {
        let (mut registry, adapter, pd, mr) = tree();
        for id in [mr, pd, adapter] {
            assert_eq!(registry.close_called(id), Ok(()));
            assert_eq!(registry.close_succeeded(id), Ok(()));
            assert_eq!(registry.state(id), State::Closed);
        }
    }

    #[test]
    fn a_pending_parent_ends_after_its_child() {
        let (mut registry, _, pd, mr) = tree();
        registry.close_called(pd).unwrap();
        registry.close_pended(pd).unwrap();
        registry.close_called(mr).unwrap();
        // The provider ends the parent inside the close of the last child: allowed.
        registry.close_completing(pd).unwrap();
        registry.close_completed(pd);
        assert_eq!(registry.close_succeeded(mr), Ok(()));
    }

    #[test]
    fn a_parent_that_ends_inside_a_pending_close_is_found_at_its_return() {
        let (mut registry, _, pd, mr) = tree();
        registry.close_called(pd).unwrap();
        registry.close_pended(pd).unwrap();
        registry.close_called(mr).unwrap();
        registry.close_completing(pd).unwrap();
        registry.close_completed(pd);
        assert_eq!(registry.close_pended(mr), Err(Breach::ClosedBeforeSuccessor(pd, State::Pending)));
    }

    #[test]
    fn a_parent_may_not_end_before_its_child() {
        let (mut registry, _, pd, mr) = tree();
        registry.close_called(pd).unwrap();
        assert_eq!(registry.close_succeeded(pd), Err(Breach::ClosedBeforeSuccessor(mr, State::Open)));
    }

    #[test]
    fn a_parent_may_not_end_while_the_childs_completion_runs() {
        let (mut registry, _, pd, mr) = tree();
        registry.close_called(mr).unwrap();
        registry.close_pended(mr).unwrap();
        registry.close_completing(mr).unwrap();
        registry.close_called(pd).unwrap();
        assert_eq!(registry.close_succeeded(pd), Err(Breach::ClosedBeforeSuccessor(mr, State::Calling)));
    }

    #[test]
    fn double_closes_and_completions_are_found() {
        let (mut registry, _, _, mr) = tree();
        assert_eq!(registry.close_completing(mr), Err(Breach::CompletionWithoutClose));
        registry.close_called(mr).unwrap();
        assert_eq!(registry.close_called(mr), Err(Breach::DoubleClose));
        registry.close_pended(mr).unwrap();
        registry.close_completing(mr).unwrap();
        assert_eq!(registry.close_completing(mr), Err(Breach::DoubleCloseCompletion));
        registry.close_completed(mr);
        assert_eq!(registry.close_completing(mr), Err(Breach::DoubleCloseCompletion));
        assert_eq!(registry.close_called(mr), Err(Breach::DoubleClose));
    }

    #[test]
    fn completion_before_return_needs_pending() {
        let (mut registry, _, _, mr) = tree();
        registry.close_called(mr).unwrap();
        registry.close_completing(mr).unwrap();
        registry.close_completed(mr);
        assert_eq!(registry.close_succeeded(mr), Err(Breach::CompletionAfterSuccess));
    }

    #[test]
    fn descendants_that_nobody_closes_are_listed() {
        let (mut registry, adapter, pd, mr) = tree();
        let cq = registry.open(Kind::Cq, &[adapter]);
        let qp = registry.open(Kind::Qp, &[pd, cq]);
        registry.close_called(cq).unwrap();
        registry.close_pended(cq).unwrap();
        assert_eq!(registry.open_descendants(adapter), vec![(pd, Kind::Pd), (mr, Kind::Mr), (qp, Kind::Qp)]);
        registry.release(qp, cq);
        registry.close_completing(cq).unwrap();
    }
}
