//! The checker against one that tries everything.

mod naive;

use proptest::prelude::*;
use quorate_io_sim::history::{History, ModelName, Outcome};
use quorate_io_sim::linearizability::{Budget, Verdict, check};

macro_rules! agrees {
    ($($name:ident: $model:ident),* $(,)?) => {
        proptest! {
            #![proptest_config(ProptestConfig::with_cases(4000))]
            $(#[test]
            fn $name(history in naive::histories(ModelName::$model)) {
                agrees(&history)?;
            })*
        }
    };
}

agrees! {
    a_register_is_judged_as_by_trying_everything: CasRegister,
    a_kv_is_judged_as_by_trying_everything: Kv,
    a_kv_append_is_judged_as_by_trying_everything: KvAppend,
    a_multi_register_is_judged_as_by_trying_everything: MultiRegister,
    a_mutex_is_judged_as_by_trying_everything: Mutex,
    a_queue_is_judged_as_by_trying_everything: Queue,
    a_log_is_judged_as_by_trying_everything: Log,
    a_counter_is_judged_as_by_trying_everything: Counter,
    a_set_is_judged_as_by_trying_everything: Set,
}

fn agrees(history: &History) -> Result<(), TestCaseError> {
    let check = check(history, Budget::new()).unwrap();
    let right = naive::is_linearizable(history);
    match check.verdict {
        Verdict::Linearizable(orders) => {
            prop_assert!(right, "there is no order");
            for order in &orders {
                prop_assert!(naive::explains(history, &order.operations), "not an order");
            }
            let mut placed: Vec<_> = orders.into_iter().flat_map(|order| order.operations).collect();
            placed.sort_unstable();
            let answered = |&at: &usize| matches!(history.operations[at].outcome, Outcome::Ok { .. });
            let mut answered = (0..history.operations.len()).filter(answered);
            prop_assert!(answered.all(|at| placed.binary_search(&at).is_ok()), "not all placed");
        }
        Verdict::Violation(violation) => {
            prop_assert!(!right, "there is an order");
            prop_assert!(naive::explains(history, &violation.prefix), "not an order");
            prop_assert!(!violation.unplaced.is_empty());
        }
        Verdict::Undecided(why) => prop_assert!(false, "{}", why),
    }
    Ok(())
}
