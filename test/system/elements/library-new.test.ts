import { appendFileSync, chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/util/hash.ts';
import { CACHE } from '../../support/caches.ts';
import { type Bench, type DriverResult, layerBench, runDriver } from '../../support/layer-runs.ts';
import { needRoot } from '../../support/privileges.ts';

const ELEMENTS = fileURLToPath(new URL('../../../elements', import.meta.url));
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXAMPLE ops@example';
/** crypt(5) of "example", so that two builds are the same. */
const HASH = '$5$example$7VJ0dVMTFzYGM4Xnm0kKWkBdcYQ1RQYjVOO.zpmr8j3';
const FIREWALL = `flush ruleset
table inet filter {
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iifname lo accept
    tcp dport { ssh, http } accept
  }
}
`;
/** Runs inside the image, last: each line says what a program of the image answers. */
const REPORT = `
say() { echo "REPORT $*"; }
say node "$(node --eval 'console.log([1, 2].map((n) => n * 2).join())')"
say podman "$(podman --version)"
say registries "$(podman --root /tmp/empty info --format '{{.Registries}}' 2>&1 || true)"
say firewall "$(unshare --net sh -c 'nft --file /etc/nftables.conf && nft list chain inet filter input' | grep -c dport)"
say chrony "$(chronyd -p -f /etc/chrony/chrony.conf | grep -E '^(server|pool|makestep)' | tr '\\n' ';')"
say blocked calls "$(qemu-ga --dump-conf | grep -E '^bl')"
say ops "$(getent passwd ops)" "$(id -nG ops)"
say worker "$(getent passwd worker)"
say deploy "$(getent passwd deploy)"
say sudo "$(sudo -l -U ops | tail -1)"
say shadow "$(getent shadow ops | cut -d: -f2 | sha256sum)"
mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -f /tmp/hostkey
say banner "$(/usr/sbin/sshd -T -h /tmp/hostkey 2>/dev/null | grep -i ^banner)"
for unit in nftables.service chrony.service hello.timer hello.service podman.socket podman-restart.service podman-auto-update.timer apt-daily.timer; do
    say "$unit $(systemctl is-enabled "$unit")"
done
say target "$(systemctl get-default)"
say "$RUN_ME"

# Hooks with what only the image can find wrong.
cp /etc/nftables.conf /tmp/good.nft
export DIB_NFTABLES_RULESET_FILE=
if DIB_NFTABLES_RULESET='table inet filter { chain input { bogus } }' "$TMP_HOOKS_PATH/post-install.d/60-nftables" 2>/tmp/errors; then exit 1; fi
say wrong rules "$(tail -1 /tmp/errors)"
cp /tmp/good.nft /etc/nftables.conf
export DIB_SYSTEMD_UNITS=
if DIB_SYSTEMD_UNITS_ENABLE=hello.service "$TMP_HOOKS_PATH/post-install.d/65-systemd-units" 2>/tmp/errors; then exit 1; fi
say wrong unit "$(tail -1 /tmp/errors)"
if DIB_QEMU_GUEST_AGENT_BLOCK_RPCS=guest-exce "$TMP_HOOKS_PATH/post-install.d/60-qemu-guest-agent" 2>/tmp/errors; then exit 1; fi
say wrong call "$(head -1 /tmp/errors)"
`;
const FILES: Readonly<Record<string, string>> = {
  'firewall.nft': FIREWALL,
  'run.sh': REPORT,
  'units/hello.service': '[Unit]\nDescription=Hello\n\n[Service]\nExecStart=/bin/echo hello\n',
  'units/hello.timer': '[Unit]\nDescription=Says hello\n\n[Timer]\nOnCalendar=daily\n\n[Install]\nWantedBy=timers.target\n',
  'units/ssh.service.d/limits.conf': '[Service]\nLimitNOFILE=4096\n',
  'files/etc/app/key': 'secret\n',
  'files/bin/greet': '#!/bin/sh\necho hello\n',
  'files/srv/www/index.html': '<p>hello</p>\n',
  'users.txt': `ops groups=adm sudo=nopasswd comment=Operators, all\n  ${KEY}\ndeploy uid=2000 group=deploy home=/srv/deploy\nworker system=yes\n`,
};
const image = {
  apiVersion: 'dib/v1',
  name: 'library-new-test',
  distro: { name: 'debian', release: 'bookworm', arch: 'amd64', components: ['main'], variant: 'minbase' },
  elements: [
    ...['chrony', 'files', 'motd', 'nftables', 'nodejs', 'openssh-server', 'podman', 'qemu-guest-agent', 'run'],
    ...['systemd-units', 'users', 'zram'],
  ],
  elements_path: [],
  packages: [],
  environment: {
    DIB_DEBIAN_KERNEL: 'none',
    DIB_NODEJS_NPM: '0',
    DIB_PODMAN_REGISTRIES: 'docker.io, quay.io',
    DIB_CHRONY_SERVERS: 'ntp1.example.org ntp2.example.org',
    DIB_CHRONY_CONFIGURATION: 'makestep 1 3\n',
    DIB_NFTABLES_RULESET_FILE: 'firewall.nft',
    DIB_QEMU_GUEST_AGENT_BLOCK_RPCS: 'guest-exec, guest-file-open',
    DIB_ZRAM_SIZE: 'ram / 4',
    DIB_MOTD: 'built by dib\n',
    DIB_MOTD_DYNAMIC: '0',
    DIB_ISSUE: 'Authorised users only',
    DIB_SSH_BANNER: '1',
    DIB_USERS_FILE: 'users.txt',
    DIB_USERS_GROUPS: 'deploy:2000',
    DIB_USERS_PASSWORDS: `ops:${HASH}`,
    DIB_FILES: 'files',
    DIB_FILES_ATTRIBUTES: '# comment\n0640 root:adm /etc/app/key\n- deploy:deploy /srv/www/\n',
    DIB_SYSTEMD_UNITS: 'units',
    DIB_SYSTEMD_UNITS_ENABLE: 'hello.timer',
    DIB_SYSTEMD_UNITS_MASK: 'apt-daily.timer',
    DIB_SYSTEMD_DEFAULT_TARGET: 'multi-user.target',
    DIB_RUN_FILE: 'run.sh',
    RUN_ME: 'variables of the image',
  } as Record<string, string>,
  outputs: [],
};

let bench: Bench;
let imageDirectory: string;
let built: DriverResult;
const entry = (path: string) => built.manifest?.[path];
const file = (mode: number, owner: string, text: string) => `100${mode.toString(8)} ${owner} ${sha256(text)}`;
const report = (what: string) => new RegExp(`^REPORT ${what}(.*)$`, 'm').exec(built.log)?.[1]?.trim();

beforeAll(async () => {
  needRoot();
  bench = layerBench();
  imageDirectory = join(bench.directory, 'image');
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(imageDirectory, name)), { recursive: true });
    writeFileSync(join(imageDirectory, name), text);
  }
  chmodSync(join(imageDirectory, 'files/bin/greet'), 0o775);
  symlinkSync('/bin/greet', join(imageDirectory, 'files/etc/app/link'));
  // As it is with a strict umask: what the image has keeps its own mode.
  chmodSync(join(imageDirectory, 'files/etc'), 0o700);
  // Of this run alone: what it says is read from the log, which a layer of an earlier run would not write again.
  appendFileSync(join(imageDirectory, 'run.sh'), `# ${imageDirectory}\n`);
  const request = { image, imageDirectory, cache: CACHE, builtinDirectory: ELEMENTS, skipBase: false, manifest: true };
  built = await runDriver(bench, bench.request(request));
  if (built.error !== undefined) throw new Error(`${JSON.stringify(built.error, null, 2)}\n${built.log.slice(-8000)}`);
}, 600_000);

afterAll(() => bench?.remove());

describe('an image with the new elements', () => {
  test('nodejs and podman run', () => {
    expect(report('node')).toBe('2,4');
    expect(report('podman')).toMatch(/^podman version \d/);
    expect(entry('etc/containers/registries.conf.d/50-dib.conf')).toBe(
      file(0o644, '0:0', 'unqualified-search-registries = ["docker.io", "quay.io"]\n'),
    );
    expect(entry('usr/bin/npm')).toBeUndefined();
  });

  test.each([
    ['nftables.service', 'enabled'],
    ['chrony.service', 'enabled'],
    ['hello.timer', 'enabled'],
    ['hello.service', 'static'],
    ['podman.socket', 'disabled'],
    ['podman-restart.service', 'enabled'],
    ['podman-auto-update.timer', 'disabled'],
    ['apt-daily.timer', 'masked'],
    ['target', 'multi-user.target'],
  ])('%s is %s', (unit, state) => expect(report(unit)).toBe(state));

  test('nftables: the rules are those of the file, and the kernel takes them', () => {
    expect(entry('etc/nftables.conf')).toBe(file(0o644, '0:0', FIREWALL));
    expect(report('firewall')).toBe('1');
  });

  test('chrony: its servers in place of the distribution’s', () => {
    expect(report('chrony')).toBe('makestep 1 3;server ntp1.example.org iburst;server ntp2.example.org iburst;makestep 1 3;');
  });

  test('qemu-guest-agent: refused calls', () => {
    expect(entry('etc/qemu/qemu-ga.conf')).toMatch(/^100644 0:0 /);
    expect(report('blocked calls')).toMatch(/^(block-rpcs|blacklist)=guest-file-open,guest-exec$/);
  });

  test('zram: its generator and its configuration', () => {
    const text =
      '# Written by the element zram.\n[zram0]\nzram-size = ram / 4\ncompression-algorithm = zstd\nswap-priority = 100\n';
    expect(entry('etc/systemd/zram-generator.conf')).toBe(file(0o644, '0:0', text));
    expect(entry('usr/lib/systemd/system-generators/zram-generator')).toBeDefined();
  });

  test('motd', () => {
    expect(entry('etc/motd')).toBe(file(0o644, '0:0', 'built by dib\n'));
    expect(entry('etc/issue')).toBe(file(0o644, '0:0', 'Authorised users only\n'));
    expect(entry('etc/issue.net')).toBe(file(0o644, '0:0', 'Authorised users only\n'));
    expect(entry('etc/update-motd.d/10-uname')).toMatch(/^100644 /);
    expect(report('banner')).toBe('banner /etc/issue.net');
  });

  test('users: groups, shells, keys, sudo and the hash of a password, which is in no log', () => {
    expect(report('ops')).toBe('ops:x:1000:1000:Operators, all:/home/ops:/bin/bash ops adm');
    expect(report('deploy')).toBe('deploy:x:2000:2000::/srv/deploy:/bin/bash');
    expect(report('worker')).toMatch(/^worker:x:9\d\d:9\d\d::\/home\/worker:\/usr\/sbin\/nologin$/);
    expect(report('sudo')).toBe('(ALL) NOPASSWD: ALL');
    expect(report('shadow')).toBe(`${sha256(`${HASH}\n`)}  -`);
    expect(entry('home/ops/.ssh/authorized_keys')).toBe(file(0o600, '1000:1000', `${KEY}\n`));
    expect(entry('home/worker')).toBeUndefined();
    expect(built.log).not.toContain(HASH);
  });

  test('files: modes, owners, links; directories of the image stay as they are', () => {
    expect(entry('etc/app/key')).toBe(file(0o640, '0:4', 'secret\n'));
    expect(entry('etc/app/link')).toContain('/bin/greet');
    expect(entry('usr/bin/greet')).toBe(file(0o755, '0:0', FILES['files/bin/greet'] ?? ''));
    expect(entry('srv/www')).toBe('40755 2000:2000');
    expect(entry('srv/www/index.html')).toBe(file(0o644, '2000:2000', '<p>hello</p>\n'));
    expect(entry('etc')).toBe('40755 0:0');
  });

  test('systemd-units: drop-ins', () => {
    expect(entry('etc/systemd/system/ssh.service.d/limits.conf')).toBe(file(0o644, '0:0', '[Service]\nLimitNOFILE=4096\n'));
  });

  test('run: sees variables, and leaves nothing', () => {
    expect(report('variables of the image')).toBe('');
    expect(Object.keys(built.manifest ?? {}).filter((name) => /DIB_RUN|^tmp\/./.test(name))).toEqual([]);
  });
});

test('mistakes that only the image can tell', () => {
  expect(report('wrong rules')).toBe(
    'nftables: the rules are wrong, see above; the line numbers are those of the file or variable',
  );
  expect(report('wrong unit')).toBe('systemd-units: hello.service cannot be enabled: it has no [Install] section');
  expect(report('wrong call')).toBe('qemu-guest-agent: DIB_QEMU_GUEST_AGENT_BLOCK_RPCS: there is no call guest-exce; there are:');
});
