/** Names that rsync leaves out with `--cvs-exclude`, which is what upstream's install-static uses (rsync(1)); `*` and `?` as in glob(7). */
const LEFT_OUT =
  'RCS SCCS CVS CVS.adm RCSLOG cvslog.* tags TAGS .make.state .nse_depinfo *~ #* .#* ,* _$* *$ *.old *.bak *.BAK *.orig *.rej .del-* ' +
  '*.a *.olb *.o *.obj *.so *.exe *.Z *.elc *.ln core';
const LEFT_OUT_DIRECTORIES = ['.svn', '.git', '.hg', '.bzr'];

const PATTERNS = LEFT_OUT.split(' ').map(
  (glob) => new RegExp(`^${glob.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`),
);

/** Whether an entry of `static/` is not installed. */
export function isLeftOut(name: string, isDirectory: boolean): boolean {
  return PATTERNS.some((pattern) => pattern.test(name)) || (isDirectory && LEFT_OUT_DIRECTORIES.includes(name));
}
