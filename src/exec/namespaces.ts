/** Runs what follows so that it is killed when the thread that started it ends: setpriv(1). */
export const DIE_WITH_PARENT: readonly string[] = ['setpriv', '--pdeathsig', 'KILL'];

/** Options of unshare(1): a pid namespace whose processes are all killed when unshare is. */
export const OWN_PIDS: readonly string[] = ['--pid', '--fork', '--kill-child=KILL'];
