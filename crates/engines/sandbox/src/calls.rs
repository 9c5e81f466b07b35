//! The system calls that no model, and no installer of packages, has a use for.

use std::collections::BTreeMap;

use ports::sandbox::{Confines, Network};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

use crate::Wrong;

/// Refused to everybody: other processes, the machine, and interfaces that are known for their holes.
const NEVER: &[i64] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_syslog,
    libc::SYS_setpriority,
    libc::SYS_ioprio_set,
    libc::SYS_pidfd_send_signal,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
    libc::SYS_fanotify_init,
    libc::SYS_inotify_add_watch,
];

/// Refused unless they are about the program itself, which their first argument says by 0: everybody of the same user may
/// ask them of everybody else, and Landlock has no say in it.
const OF_ITSELF: &[i64] = &[
    libc::SYS_prlimit64,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_setattr,
];

/// Signals, refused unless they are for the program itself, which their first argument names.
const SIGNALS: &[i64] = &[libc::SYS_kill, libc::SYS_tkill, libc::SYS_tgkill];

/// Whose a file is and who may read it, which Landlock does not confine either: a model has no use for changing that,
/// but libraries that copy files do it by the way, and are told that it is done.
const PRETENDED: &[i64] = &[libc::SYS_fchmod, libc::SYS_fchmodat, FCHMODAT2, libc::SYS_utimensat];
const OWNERS: &[i64] = &[
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
];
/// The same number on every architecture (Linux 6.6).
const FCHMODAT2: i64 = 452;

/// What older architectures have beside: starting a process, and the same by a path.
#[cfg(target_arch = "x86_64")]
mod older {
    pub const FORKS: &[i64] = &[libc::SYS_fork, libc::SYS_vfork];
    pub const PRETENDED: &[i64] = &[libc::SYS_chmod, libc::SYS_utime, libc::SYS_utimes, libc::SYS_futimesat];
    pub const OWNERS: &[i64] = &[libc::SYS_chown, libc::SYS_lchown];
}
#[cfg(not(target_arch = "x86_64"))]
mod older {
    pub const FORKS: &[i64] = &[];
    pub const PRETENDED: &[i64] = &[];
    pub const OWNERS: &[i64] = &[];
}

/// Puts the filters on.
pub fn filter(confines: &Confines) -> Result<(), Wrong> {
    let always = |call: &i64| (*call, Vec::new());
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> = NEVER.iter().map(always).collect();
    for call in OF_ITSELF {
        refused.insert(*call, unless(0)?);
    }
    match confines.network {
        Network::All => {}
        // Pairs of sockets stay: event loops wake themselves by them.
        Network::None => drop(refused.insert(libc::SYS_socket, Vec::new())),
        Network::Listen(_) => {
            refused.insert(libc::SYS_socket, no_tcp()?);
        }
    }
    if !confines.programs {
        refused.extend(older::FORKS.iter().map(always));
        refused.extend(OWNERS.iter().chain(older::OWNERS).map(always));
        // The program that this process becomes keeps its number.
        let itself = u64::from(std::process::id());
        for call in SIGNALS {
            refused.insert(*call, unless(itself)?);
        }
        // Threads are made by the same call; only what is no thread is refused.
        let is_thread = SeccompCmpOp::MaskedEq(libc::CLONE_THREAD as u64);
        refused.insert(libc::SYS_clone, vec![first(is_thread, 0)?]);
        // Its flags lie in memory, where no filter looks; the C library goes back to `clone` when there is no such call.
        apply(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), libc::ENOSYS)?;
        apply(PRETENDED.iter().chain(older::PRETENDED).map(always).collect(), 0)?;
    }
    apply(refused, libc::EPERM)
}

/// Fits a call whose first argument is anything but this.
fn unless(value: u64) -> Result<Vec<SeccompRule>, Wrong> {
    Ok(vec![first(SeccompCmpOp::Ne, value)?])
}

/// Fits a socket that is anything but one of TCP: Landlock, which says where it may lead, knows no other.
fn no_tcp() -> Result<Vec<SeccompRule>, Wrong> {
    // Its type stands in the lowest bits, flags above.
    const KIND: u64 = 0xf;
    let arg = |at, compared, value: i32| {
        SeccompCondition::new(at, SeccompCmpArgLen::Dword, compared, u64::from(value.unsigned_abs()))
    };
    let (inet, inet6) = (libc::AF_INET, libc::AF_INET6);
    let other = vec![arg(0, SeccompCmpOp::Ne, inet)?, arg(0, SeccompCmpOp::Ne, inet6)?];
    let mut rules = vec![SeccompRule::new(other)?];
    for kind in (0..=KIND).filter(|kind| *kind != u64::from(libc::SOCK_STREAM.unsigned_abs())) {
        let is = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(KIND), kind)?;
        rules.push(SeccompRule::new(vec![is])?);
    }
    // Other protocols of streams, such as SCTP and MPTCP.
    let (any, tcp) = (0, libc::IPPROTO_TCP);
    rules.push(SeccompRule::new(vec![arg(2, SeccompCmpOp::Ne, any)?, arg(2, SeccompCmpOp::Ne, tcp)?])?);
    Ok(rules)
}

fn first(compared: SeccompCmpOp, value: u64) -> Result<SeccompRule, Wrong> {
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Dword, compared, value)?;
    Ok(SeccompRule::new(vec![condition])?)
}

fn apply(refused: BTreeMap<i64, Vec<SeccompRule>>, with: i32) -> Result<(), Wrong> {
    let (allow, refuse) = (SeccompAction::Allow, SeccompAction::Errno(with.unsigned_abs()));
    let filter = SeccompFilter::new(refused, allow, refuse, std::env::consts::ARCH.try_into()?)?;
    let program: BpfProgram = filter.try_into()?;
    Ok(apply_filter(&program)?)
}
