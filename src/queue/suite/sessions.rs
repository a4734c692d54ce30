//! What a back end must do whose store is a table in a database: sessions end, answers are lost, the
//! database loses commits, and another server takes the table.
//!
//! One test per back end calls [`keeps_the_rules_of_sessions`] with its [`DatabaseTable`].

use super::Place;
use crate::batch::Batch;
use crate::record::JobNumber;
use crate::record::samples::record;
use crate::store::{Reopened, RowOutcome, Store, StoreError};

/// A table in a real database, and the insides of a store on it.
pub(crate) trait DatabaseTable: Place {
    /// The store.
    type Opened: Store;
    /// Name of the table with the jobs; that of the server's own has `_server` behind it.
    const NAME: &'static str;

    /// Opens a store.
    fn store(&self) -> Self::Opened;

    /// Carries out SQL beside the store, and returns the rows as text.
    fn query(&self, statement: &str) -> String;

    /// Ends the session that owns the table.
    fn end_session(&self);

    /// Has the store forget that its last batch was committed.
    fn forget_answer(store: &mut Self::Opened);

    /// Has the store give up its connection.
    fn disconnect(store: &mut Self::Opened);
}

type SessionRule<T> = (&'static str, fn(&T));

/// Tries every rule in an empty place.
pub(crate) fn keeps_the_rules_of_sessions<T: DatabaseTable>(table: &T) {
    let rules: [SessionRule<T>; 6] = [
        ("ended session", a_session_that_was_ended_before_a_batch_costs_nothing),
        ("lost answer", a_batch_whose_answer_was_lost_is_found_in_the_table),
        ("lost commits", a_database_that_lost_commits_gets_the_jobs_in_memory_again),
        ("taken table", a_server_whose_table_another_has_taken_is_fenced),
        ("replaced server", a_server_that_was_cut_off_is_fenced_while_another_one_runs),
        ("bad row", a_batch_with_a_row_that_cannot_be_stored_is_a_bad_row),
    ];
    for (name, rule) in rules {
        println!("rule: {name}");
        table.empty();
        rule(table);
    }
}

fn insert(store: &mut impl Store, number: u64) -> Result<Vec<RowOutcome>, StoreError> {
    let mut batch = Batch::default();
    batch.insert(&record(number, b"x"), None);
    store.apply(&batch)
}

fn count<T: DatabaseTable>(table: &T) -> String {
    table.query(&format!("SELECT count(*) FROM {}", T::NAME))
}

/// Changes the row in which the server says who it is, and what it has written.
fn update_server<T: DatabaseTable>(table: &T, assignments: &str) {
    table.query(&format!("UPDATE {}_server SET {assignments}", T::NAME));
}

fn a_session_that_was_ended_before_a_batch_costs_nothing<T: DatabaseTable>(table: &T) {
    let mut store = table.store();
    insert(&mut store, 1).expect("commits");
    table.end_session();
    // Whether this machine knows of it already, or hears of it instead of an answer.
    match insert(&mut store, 2) {
        Ok(_) => {}
        Err(StoreError::Unknown(_)) => {
            let reopened = store.reopen().expect("connects");
            assert_eq!(reopened, Reopened { has_batch: Some(false), may_lack_jobs: false });
            insert(&mut store, 2).expect("commits");
        }
        Err(other) => panic!("{other:?}"),
    }
    assert_eq!(store.connection().map(|state| state.connects), Some(2));
    assert_eq!(count(table), "2");
}

fn a_batch_whose_answer_was_lost_is_found_in_the_table<T: DatabaseTable>(table: &T) {
    let mut store = table.store();
    insert(&mut store, 1).expect("commits");
    insert(&mut store, 2).expect("commits");
    T::forget_answer(&mut store);
    let reopened = store.reopen().expect("connects");
    assert_eq!(reopened, Reopened { has_batch: Some(true), may_lack_jobs: false });
    insert(&mut store, 3).expect("commits");
}

fn a_database_that_lost_commits_gets_the_jobs_in_memory_again<T: DatabaseTable>(table: &T) {
    let mut store = table.store();
    (1..=3).for_each(|number| drop(insert(&mut store, number).expect("commits")));
    update_server(table, "last_batch = last_batch - 2");
    let reopened = store.reopen().expect("connects");
    assert_eq!(reopened, Reopened { has_batch: Some(false), may_lack_jobs: true });
    insert(&mut store, 4).expect("commits");
    assert!(!store.reopen().expect("connects").may_lack_jobs);
    // A loss that a reader finds first is not forgotten.
    (5..=7).for_each(|number| drop(insert(&mut store, number).expect("commits")));
    update_server(table, "last_batch = last_batch - 2");
    T::disconnect(&mut store);
    store.fetch(&[JobNumber(1)]).expect("reads");
    for error in [store.maintain(true).map(drop), insert(&mut store, 8).map(drop)] {
        assert!(matches!(error, Err(StoreError::Unknown(_))), "{error:?}");
    }
    assert!(store.reopen().expect("connects").may_lack_jobs);
    insert(&mut store, 8).expect("commits");
}

fn a_server_whose_table_another_has_taken_is_fenced<T: DatabaseTable>(table: &T) {
    let mut store = table.store();
    insert(&mut store, 1).expect("commits");
    update_server(table, "epoch = epoch + 1, owner = 'process 7 on mars'");
    let error = insert(&mut store, 2).expect_err("is fenced");
    assert!(matches!(error, StoreError::Fenced(_)), "{error:?}");
    assert!(error.to_string().contains("process 7 on mars"), "{error}");
    assert_eq!(count(table), "1");
}

fn a_server_that_was_cut_off_is_fenced_while_another_one_runs<T: DatabaseTable>(table: &T) {
    let mut first = table.store();
    insert(&mut first, 1).expect("commits");
    table.end_session();
    let mut second = table.store();
    let error = match insert(&mut first, 2).expect_err("is fenced") {
        StoreError::Unknown(_) => first.reopen().expect_err("is fenced"),
        error => error,
    };
    assert!(matches!(error, StoreError::Fenced(_)), "{error:?}");
    insert(&mut second, 2).expect("commits");
    assert_eq!(count(table), "2");
}

fn a_batch_with_a_row_that_cannot_be_stored_is_a_bad_row<T: DatabaseTable>(table: &T) {
    let mut store = table.store();
    table.query(&format!("ALTER TABLE {} ADD CHECK (length(data) < 100)", T::NAME));
    let mut batch = Batch::default();
    batch.insert(&record(1, b"x"), None);
    batch.insert(&record(2, &[7; 200]), None);
    let error = store.apply(&batch).expect_err("has a bad row");
    assert!(matches!(error, StoreError::BadRow(_)), "{error:?}");
    insert(&mut store, 3).expect("commits");
    assert_eq!(table.query(&format!("SELECT id FROM {}", T::NAME)), "3");
}
