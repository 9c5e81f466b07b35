//! The system calls that no model, and no installer of packages, has a use for.

use std::collections::BTreeMap;

use ports::sandbox::Confines;
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
];

/// Starts a process on architectures where it is not `clone`.
#[cfg(target_arch = "x86_64")]
const FORKS: &[i64] = &[libc::SYS_fork, libc::SYS_vfork];
#[cfg(not(target_arch = "x86_64"))]
const FORKS: &[i64] = &[];

/// Puts the filters on.
pub fn filter(confines: &Confines) -> Result<(), Wrong> {
    let always = |call: &i64| (*call, Vec::new());
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> = NEVER.iter().map(always).collect();
    if !confines.network {
        // Pairs of sockets stay: event loops wake themselves by them.
        refused.insert(libc::SYS_socket, Vec::new());
    }
    if !confines.programs {
        refused.extend(FORKS.iter().map(always));
        // Threads are made by the same call; only what is no thread is refused.
        let is_process = SeccompCondition::new(
            0,
            SeccompCmpArgLen::Qword,
            SeccompCmpOp::MaskedEq(libc::CLONE_THREAD as u64),
            0,
        )?;
        refused.insert(libc::SYS_clone, vec![SeccompRule::new(vec![is_process])?]);
        // Its flags lie in memory, where no filter looks; the C library goes back to `clone` when there is no such call.
        apply(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), libc::ENOSYS)?;
    }
    apply(refused, libc::EPERM)
}

fn apply(refused: BTreeMap<i64, Vec<SeccompRule>>, with: i32) -> Result<(), Wrong> {
    let (allow, refuse) = (SeccompAction::Allow, SeccompAction::Errno(with.unsigned_abs()));
    let filter = SeccompFilter::new(refused, allow, refuse, std::env::consts::ARCH.try_into()?)?;
    let program: BpfProgram = filter.try_into()?;
    Ok(apply_filter(&program)?)
}
