import type { BlockDevices, Raid } from './devices.ts';

/**
 * /etc/mdadm/mdadm.conf (mdadm.conf(5)). HOMEHOST `<ignore>`: arrays keep their names whatever the machine is called. Without MAILADDR
 * the monitor that Debian starts would fail.
 */
export function mdadmConf(devices: BlockDevices): string {
  return ['HOMEHOST <ignore>', 'MAILADDR root', ...devices.raids.map(arrayLine)].map((line) => `${line}\n`).join('');
}

/** `ARRAY /dev/md/NAME metadata=1.2 UUID=00000000:00000000:00000000:00000000`, as `mdadm --detail --brief` writes it. */
export function arrayLine(raid: Raid): string {
  return `ARRAY /dev/md/${raid.name} metadata=${raid.metadata} UUID=${mdadmUuid(raid.uuid)}`;
}

/** A UUID as mdadm writes it: four groups of eight digits. */
export function mdadmUuid(uuid: string): string {
  const digits = uuid.replaceAll('-', '').toLowerCase();
  return (digits.match(/.{8}/g) ?? []).join(':');
}
