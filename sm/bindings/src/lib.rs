//! Values that are bound for the duration of a block, and seen by everything that is called in it, without being
//! passed on from hand to hand: who asks, for how long it may take, where to write it down.
//!
//! A binding belongs to its thread of control: a thread, or a future, wherever that is polled. Outside of any
//! block it has its default. Blocks nest, and the innermost counts; a block that panics is over as well.
//!
//! ```
//! use quorate_bindings::binding;
//!
//! binding! {
//!     /// Who asks.
//!     static USER: String = "nobody".to_owned();
//! }
//!
//! fn greeting() -> String {
//!     USER.with(|user| format!("hello {user}"))
//! }
//!
//! assert_eq!(greeting(), "hello nobody");
//! USER.bind("Ada".to_owned(), || {
//!     assert_eq!(greeting(), "hello Ada");
//!     USER.bind("Grace".to_owned(), || assert_eq!(greeting(), "hello Grace"));
//!     assert_eq!(greeting(), "hello Ada");
//! });
//! assert_eq!(greeting(), "hello nobody");
//! ```
//!
//! State machines may use bindings among their own functions. What was bound outside does not come in: a server
//! applies commands in threads and tasks of its own, where nothing is bound. So the same command does the same on all
//! of them.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::LocalKey;

/// Something that can be bound; made by [`binding!`].
pub struct Binding<T: 'static> {
    bound: &'static LocalKey<Bound<T>>,
    default: fn() -> T,
}

/// What is bound in a thread, the innermost block last.
#[derive(Debug)]
pub struct Bound<T>(RefCell<Vec<Arc<T>>>);

impl<T> Bound<T> {
    /// Nothing.
    pub const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }
}

impl<T> Default for Bound<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Declares what can be bound, and its default, which is made whenever it is needed. See the [crate](crate).
#[macro_export]
macro_rules! binding {
    ($($(#[$attribute:meta])* $vis:vis static $name:ident: $type:ty = $default:expr;)+) => {$(
        $(#[$attribute])*
        $vis static $name: $crate::Binding<$type> = {
            ::std::thread_local! {
                static BOUND: $crate::Bound<$type> = const { $crate::Bound::new() };
            }
            $crate::Binding::new(&BOUND, || $default)
        };
    )+};
}

impl<T: 'static> Binding<T> {
    /// For [`binding!`].
    #[doc(hidden)]
    pub const fn new(bound: &'static LocalKey<Bound<T>>, default: fn() -> T) -> Self {
        Self { bound, default }
    }

    /// What is bound, or else the default.
    pub fn get(&self) -> Arc<T> {
        let bound = self.bound.with(|bound| bound.0.borrow().last().cloned());
        bound.unwrap_or_else(|| Arc::new((self.default)()))
    }

    /// Looks at what is bound, or else at the default.
    pub fn with<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.get())
    }

    /// Is it bound here?
    pub fn is_bound(&self) -> bool {
        self.bound.with(|bound| !bound.0.borrow().is_empty())
    }

    /// Binds a value, or a reference that is shared with others, as long as a block takes.
    ///
    /// ```
    /// # use quorate_bindings::binding;
    /// # use std::sync::Arc;
    /// # use std::sync::atomic::{AtomicU32, Ordering};
    /// binding! { static CALLS: AtomicU32 = AtomicU32::new(0); }
    /// let calls = Arc::new(AtomicU32::new(0));
    /// CALLS.bind(Arc::clone(&calls), || CALLS.with(|calls| calls.fetch_add(1, Ordering::Relaxed)));
    /// assert_eq!(calls.load(Ordering::Relaxed), 1);
    /// ```
    pub fn bind<R>(&self, value: impl Into<Arc<T>>, block: impl FnOnce() -> R) -> R {
        self.bound.with(|bound| bound.0.borrow_mut().push(value.into()));
        let _released = Released(self);
        block()
    }

    /// Binds a value wherever a future is polled: over all its waits, and nowhere else.
    ///
    /// ```
    /// # use quorate_bindings::binding;
    /// binding! { static DEADLINE_MS: u64 = u64::MAX; }
    /// async fn left() -> u64 {
    ///     DEADLINE_MS.with(|ms| *ms)
    /// }
    /// # let runtime = std::task::Waker::noop();
    /// let mut answer = Box::pin(DEADLINE_MS.scope(500_u64, left()));
    /// # let polled = answer.as_mut().poll(&mut std::task::Context::from_waker(runtime));
    /// # assert_eq!(polled, std::task::Poll::Ready(500));
    /// # use std::future::Future;
    /// ```
    pub fn scope<F: Future>(&'static self, value: impl Into<Arc<T>>, future: F) -> Scoped<T, F> {
        Scoped { binding: self, value: value.into(), future: Box::pin(future) }
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for Binding<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Binding").field(&self.get()).finish()
    }
}

/// The end of a block, however it comes about.
struct Released<'b, T: 'static>(&'b Binding<T>);

impl<T: 'static> Drop for Released<'_, T> {
    fn drop(&mut self) {
        let last = self.0.bound.with(|bound| bound.0.borrow_mut().pop());
        // Outside of the borrow: what is dropped may look at bindings.
        drop(last);
    }
}

/// A future in which a value is bound; made by [`Binding::scope`].
pub struct Scoped<T: 'static, F> {
    binding: &'static Binding<T>,
    value: Arc<T>,
    future: Pin<Box<F>>,
}

impl<T, F: Future> Future for Scoped<T, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { binding, value, future } = &mut *self;
        binding.bind(Arc::clone(value), || future.as_mut().poll(cx))
    }
}

impl<T: std::fmt::Debug, F> std::fmt::Debug for Scoped<T, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scoped").field("value", &self.value).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::task::Waker;

    binding! {
        static DEPTH: u32 = 0;
        static NAME: String = format!("depth {}", DEPTH.get());
    }

    fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Waits once.
    async fn pause() {
        let mut has_waited = false;
        std::future::poll_fn(|_| {
            if std::mem::replace(&mut has_waited, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    #[test]
    fn the_innermost_block_counts_and_the_default_may_look_at_other_bindings() {
        assert!(!DEPTH.is_bound());
        assert_eq!(*NAME.get(), "depth 0");
        let inner = DEPTH.bind(1_u32, || {
            assert!(DEPTH.is_bound());
            assert_eq!(*NAME.get(), "depth 1");
            DEPTH.bind(2_u32, || DEPTH.with(|depth| (*depth, DEPTH.bind(3_u32, || *DEPTH.get()))))
        });
        assert_eq!(inner, (2, 3));
        assert!(!DEPTH.is_bound());
    }

    #[test]
    fn a_block_that_panics_is_over() {
        let died = catch_unwind(AssertUnwindSafe(|| {
            DEPTH.bind(1_u32, || DEPTH.bind(2_u32, || panic!("on purpose")))
        }));
        assert!(died.is_err());
        assert!(!DEPTH.is_bound());
    }

    #[test]
    fn another_thread_has_its_own() {
        DEPTH.bind(1_u32, || {
            std::thread::spawn(|| assert!(!DEPTH.is_bound())).join().expect("it holds");
            assert_eq!(*DEPTH.get(), 1);
        });
    }

    #[test]
    fn futures_that_take_turns_do_not_see_each_others() {
        let look = || async {
            let mut seen = vec![*DEPTH.get()];
            pause().await;
            seen.push(*DEPTH.get());
            DEPTH.scope(9_u32, async { assert_eq!(*DEPTH.get(), 9) }).await;
            pause().await;
            seen.push(*DEPTH.get());
            seen
        };
        let mut one = Box::pin(DEPTH.scope(1_u32, look()));
        let mut two = Box::pin(DEPTH.scope(2_u32, look()));
        let mut none = Box::pin(look());
        for _ in 0..2 {
            assert!(poll(&mut one).is_pending());
            assert!(!DEPTH.is_bound(), "nobody is polled");
            assert!(poll(&mut two).is_pending());
            assert!(DEPTH.bind(7_u32, || poll(&mut none)).is_pending());
        }
        let seen = std::thread::spawn(move || (poll(&mut one), poll(&mut two)));
        let seen = seen.join().expect("they can be polled anywhere");
        assert_eq!(seen, (Poll::Ready(vec![1; 3]), Poll::Ready(vec![2; 3])));
        assert_eq!(poll(&mut none), Poll::Ready(vec![7, 7, 0]), "it has what its caller has");
    }

    #[test]
    fn what_is_bound_is_dropped_with_its_block() {
        binding! { static SHARED: Vec<u8> = Vec::new(); }
        let shared = Arc::new(vec![1]);
        SHARED.bind(Arc::clone(&shared), || {
            assert_eq!(Arc::strong_count(&shared), 2);
            assert!(Arc::ptr_eq(&SHARED.get(), &shared), "the same, not a copy");
        });
        assert_eq!(Arc::strong_count(&shared), 1);
    }
}
