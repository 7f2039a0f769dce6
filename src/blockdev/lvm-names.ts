/** Longest name of a volume group or a logical volume, and of both together as device-mapper has them (NAME_LEN, DM_NAME_LEN). */
const LONGEST = 127;

/** What LVM appends to the names of hidden volumes (lvm(8), "Valid names"). */
const RESERVED_PARTS = [
  '_cdata',
  '_cmeta',
  '_corig',
  '_cpool',
  '_cvol',
  '_imeta',
  '_iorig',
  '_mimage',
  '_mlog',
  '_pmspare',
  '_rimage',
  '_rmeta',
  '_tdata',
  '_tmeta',
  '_vdata',
  '_vorigin',
  '_wcorig',
];

const RESERVED_VOLUMES = ['snapshot', 'pvmove'];

/** Entries of /dev of any Linux: /dev/<group> would be in their place, so vgcreate refuses them. */
const IN_DEV =
  /^(?:block|bsg|bus|char|console|core|cpu|cpu_dma_latency|disk|dri|fd|full|fuse|hugepages|hwrng|input|kmsg|kvm|log|loop[0-9]*|loop-control|mapper|md|md[0-9]+|mem|mqueue|net|null|nvram|port|ppp|pts|ptmx|random|rtc[0-9]*|shm|snapshot|snd|std(?:in|out|err)|tty.*|urandom|vfio|vhost-.*|watchdog[0-9]*|zero|(?:sd|vd|xvd)[a-z]+[0-9]*|nvme[0-9].*)$/;

/** Why LVM does not take the name of a volume group; undefined if it does. */
export function groupNameFault(name: string): string | undefined {
  return commonFault(name) ?? (IN_DEV.test(name) ? `is taken: /dev/${name} is something else` : undefined);
}

/** Why LVM does not take the name of a logical volume; undefined if it does. */
export function volumeNameFault(name: string): string | undefined {
  if (RESERVED_VOLUMES.some((reserved) => name.startsWith(reserved))) return 'begins with a name that LVM keeps for itself';
  const part = RESERVED_PARTS.find((reserved) => name.includes(reserved));
  return commonFault(name) ?? (part === undefined ? undefined : `has \`${part}\` in it, which LVM keeps for itself`);
}

function commonFault(name: string): string | undefined {
  if (name.startsWith('-')) return 'begins with `-`';
  if (name === '.' || name === '..') return 'is a directory';
  if (!/^[A-Za-z0-9+_.-]*$/.test(name)) return 'has characters that LVM does not take';
  return name.length > LONGEST ? `is longer than ${LONGEST} characters` : undefined;
}

/** Name of a logical volume below /dev/mapper: `-` in a name is doubled (lvm(8)), so that the one between them can be told. */
export function mapperName(group: string, volume: string): string {
  return `${group.replaceAll('-', '--')}-${volume.replaceAll('-', '--')}`;
}

/** Whether device-mapper takes the name of the device of a logical volume. */
export function mapperNameFits(group: string, volume: string): boolean {
  return mapperName(group, volume).length <= LONGEST;
}
