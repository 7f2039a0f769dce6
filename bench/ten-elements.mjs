// An image of ten elements, as builds of one's own are: from nothing, again, after a changed hook, with one package more. dib and disk-image-create
// build the same elements by the same names, each its own; they take turns.
import { join } from 'node:path';
import { say } from '../scripts/host.mjs';
import { seconds } from './measure.mjs';
import { prepareDib, prepareDiskImageCreate } from './subjects.mjs';

const ELEMENTS = [
  'debian-minimal',
  'cloud-init-datasources',
  'devuser',
  'dhcp-all-interfaces',
  'growroot',
  'journal-to-console',
  'modprobe',
  'openssh-server',
  'runtime-ssh-host-keys',
  'sysctl',
];

const ENVIRONMENT = {
  DIB_RELEASE: 'bookworm',
  DIB_DEV_USER_USERNAME: 'ops',
  DIB_CLOUD_INIT_DATASOURCES: 'ConfigDrive',
  DIB_MODPROBE_BLACKLIST: 'pcspkr',
};

/** What neither has so far. */
const NEW_PACKAGE = 'jq';

/** Rows of the table; each build once, in the order in which somebody would come to them. */
export function tenElementRows(work) {
  const image = { name: 'ten', distro: undefined, elements: ELEMENTS, environment: ENVIRONMENT, block_device: undefined };
  const dib = prepareDib(join(work, 'ten'), 'quickstart', image);
  const peer = prepareDiskImageCreate(join(work, 'ten-peer'), { named: ELEMENTS, environment: ENVIRONMENT });
  const steps = [
    ['nothing cached', () => {}, () => peer.build()],
    ['again, nothing changed', () => {}, () => peer.build()],
    ['one install.d script changed', () => [dib, peer].map((subject) => subject.change('second')), () => peer.build()],
    ['one package added', () => dib.addPackages([NEW_PACKAGE]), () => peer.build('-p', NEW_PACKAGE)],
  ];
  const rows = steps.map(([name, change, buildPeer]) => {
    change();
    const base = buildPeer();
    const value = dib.apply();
    say(`ten elements, ${name}: disk-image-create ${seconds(base)}, dib ${seconds(value)}`);
    return [
      { what: `ten elements, ${name}: \`disk-image-create\``, value: base },
      { what: `ten elements, ${name}: \`dib apply\``, value, base, against: 'disk-image-create' },
    ];
  });
  dib.clear();
  peer.clear();
  return rows.flat();
}
