import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';

/**
 * A small tree with everything that a copy can lose: owners, modes, ACLs, capabilities, extended attributes, hard links, symbolic links,
 * a device node, a FIFO, holes, dotfiles, strange names and old and new times. A shell script because these need many tools.
 */
const SCRIPT = `
set -eu
cd "$1"; chmod 0755 .
mkdir -p etc var/log boot/efi/EFI/BOOT boot/grub/i386-pc tmp usr/bin .hidden home/ops "strange dir"
chmod 1777 tmp; chmod 0751 var
echo host > etc/hostname; ln etc/hostname etc/hardlink; ln -s hostname etc/link
echo dot > .dotfile; echo x > .hidden/.inner; printf 'a b' > "strange dir/naïve \\"quoted\\" file"
cp /bin/true usr/bin/tool; chmod 4755 usr/bin/tool
cp /bin/true usr/bin/capable
setfattr -n user.note -v hello etc/hostname; setfacl -m u:1000:r etc/hostname; setfacl -d -m u:1001:rwx var/log
echo secret > etc/shadow; chmod 0640 etc/shadow
chown 0:42 etc/shadow; chown 1000:1000 home/ops; chown -h 0:42 etc/link; chown 3:4 var
setcap cap_net_raw+ep usr/bin/capable
mkfifo etc/fifo
if mknod etc/null c 1 3 2>/dev/null; then :; fi
truncate -s 20M var/sparse; printf x | dd of=var/sparse bs=1 seek=10000000 conv=notrunc status=none
head -c 300000 /dev/zero | tr '\\0' e > boot/efi/EFI/BOOT/BOOTX64.EFI; echo cfg > boot/efi/EFI/BOOT/grub.cfg
mkdir -p var/lib; for i in $(seq 40); do echo $i > var/lib/file$i; done
find . -exec touch -h -d @1600000000 {} +
touch -d @1999999999 etc/hostname
`;

export function makeTree(into = mkdtempSync('/var/tmp/dib-kinds-tree-')): string {
  execFileSync('bash', ['-c', SCRIPT, 'make-tree', into], { stdio: 'pipe' });
  return into;
}

/** Lines that describe every entry of a tree: what two copies must agree on. Runs outside dib, with find, getfattr and getfacl. */
const DESCRIBE = `
set -eu
cd "$1"
find . -path ./lost+found -prune -o -printf '%p|%y|%m|%U:%G|%l|' -a \\( -type d -printf '\\n' -o -type f -printf '%n|%s|%TY%Tm%Td%TH%TM%.2TS|\\n' -o -printf '\\n' \\) | LC_ALL=C sort
find . -path ./lost+found -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
find . -path ./lost+found -prune -o \\( -type b -o -type c \\) -print0 | LC_ALL=C sort -z | xargs -0 -r stat -c '%n %t %T'
find . -path ./lost+found -prune -o -not -type l -print0 | LC_ALL=C sort -z | xargs -0 getfattr -h -d -m '^(user|security)\\.'
find . -path ./lost+found -prune -o -not -type l -print0 | LC_ALL=C sort -z | xargs -0 getfacl -n
`;

export function describeTree(tree: string): string {
  return execFileSync('bash', ['-c', DESCRIBE, 'describe', tree], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  });
}
