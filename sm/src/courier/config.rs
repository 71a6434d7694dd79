//! Tuning and limits of a client.

use core::time::Duration;

use quorate_core::{ClusterId, GroupId};

/// Tuning and limits of a client. The defaults fit a local network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientConfig {
    /// The cluster that is wanted; `None` takes any.
    pub cluster: Option<ClusterId>,
    /// The group that all calls concern.
    pub group: GroupId,
    /// Which servers may be used.
    pub routing: Routing,
    /// How long a call may take, unless the caller says otherwise.
    pub call_timeout: Duration,
    /// After this long without a command, a session says that it lives. Well below the time after
    /// which servers let sessions expire.
    pub keep_alive_interval: Duration,
    /// After this long a connection that has not shaken hands is given up.
    pub connect_timeout: Duration,
    /// After this long without a handshake the next server is dialed as well; whoever is first is
    /// used.
    pub head_start: Duration,
    /// How often a busy client asks its server who leads; at most half of `silence_max`.
    pub look_interval: Duration,
    /// After this long a server that owes answers and says nothing is given up.
    pub silence_max: Duration,
    /// A connection that is not used for this long is closed, unless it leads to the leader.
    pub idle_max: Duration,
    /// The first wait before a call is tried again; doubles with each attempt.
    pub retry_min: Duration,
    /// The longest wait before a call is tried again.
    pub retry_max: Duration,
    /// The first wait before a server is tried again; doubles with each failure.
    pub redial_min: Duration,
    /// The longest wait before a server is tried again.
    pub redial_max: Duration,
    /// Calls under way; more are refused at once.
    pub calls_max: usize,
    /// The longest frame that is accepted from a server.
    pub frame_bytes_max: u32,
}

/// Which servers a client may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Routing {
    /// Those that it was given, and the leader wherever the others say it is: saves a hop.
    Leader,
    /// Only those that it was given: for addresses that only look so from within the cluster.
    AsGiven,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            cluster: None,
            group: GroupId(0),
            routing: Routing::Leader,
            call_timeout: Duration::from_secs(10),
            keep_alive_interval: Duration::from_secs(8),
            connect_timeout: Duration::from_secs(1),
            head_start: Duration::from_millis(100),
            look_interval: Duration::from_millis(500),
            silence_max: Duration::from_millis(1500),
            idle_max: Duration::from_secs(10),
            retry_min: Duration::from_millis(5),
            retry_max: Duration::from_millis(200),
            redial_min: Duration::from_millis(20),
            redial_max: Duration::from_secs(1),
            calls_max: 65_536,
            frame_bytes_max: 16 << 20,
        }
    }
}
