import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { builtinElementsDirectory } from '../../../src/elements/locations.ts';

const PROGRAM = join(builtinElementsDirectory(), 'simple-init/simple-init/dib-simple-init');

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dib-simple-init-'));
  put('etc/hostname', 'image\n');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function drive(meta: object, network: object): void {
  put('drive/openstack/latest/meta_data.json', JSON.stringify(meta));
  put('drive/openstack/latest/network_data.json', JSON.stringify(network));
}

const interfaces = (macs: Record<string, string>) => {
  for (const [name, mac] of Object.entries(macs)) put(`sys/class/net/${name}/address`, `${mac}\n`);
};
const run = () => execFileSync('bash', [PROGRAM, root], { encoding: 'utf8', stdio: 'pipe' });
const written = () => readdirSync(join(root, 'run/systemd/network')).sort();
const network = (name: string) => readFileSync(join(root, 'run/systemd/network', name), 'utf8');

/** As Nova writes them (OpenStack, network_data.json). */
const STATIC = {
  links: [
    { id: 'tap0', type: 'ovs', ethernet_mac_address: 'FA:16:3E:00:00:01', mtu: 1500 },
    { id: 'tap1', type: 'phy', ethernet_mac_address: 'fa:16:3e:00:00:02' },
    { id: 'tap9', type: 'phy', ethernet_mac_address: 'fa:16:3e:00:00:99' },
  ],
  networks: [
    {
      id: 'network0',
      link: 'tap0',
      type: 'ipv4',
      ip_address: '192.0.2.10',
      netmask: '255.255.255.192',
      routes: [{ network: '0.0.0.0', netmask: '0.0.0.0', gateway: '192.0.2.1' }],
    },
    {
      id: 'network1',
      link: 'tap0',
      type: 'ipv6',
      ip_address: '2001:db8::10',
      netmask: 'ffff:ffff:ffff:ff00::',
      routes: [{ network: '::', netmask: '::', gateway: '2001:db8::1' }],
    },
    { id: 'network2', link: 'tap1', type: 'ipv4_dhcp' },
  ],
  services: [{ type: 'dns', address: '192.0.2.53' }],
};

describe('dib-simple-init', () => {
  it('configures nothing but DHCP without a drive', () => {
    run();
    expect(written()).toEqual(['90-dib-dhcp.network']);
    expect(network('90-dib-dhcp.network')).toBe('[Match]\nType=ether\nKind=!*\n\n[Network]\nDHCP=yes\nIPv6AcceptRA=yes\n');
    expect(readFileSync(join(root, 'etc/hostname'), 'utf8')).toBe('image\n');
  });

  it('sets addresses, routes and name servers by MAC address', () => {
    interfaces({ ens3: 'fa:16:3e:00:00:01', ens4: 'fa:16:3e:00:00:02' });
    drive({}, STATIC);
    run();
    expect(written()).toEqual(['30-ens3.network', '30-ens4.network', '90-dib-dhcp.network']);
    expect(network('30-ens3.network')).toBe(`[Match]
Name=ens3

[Link]
MTUBytes=1500

[Network]
IPv6AcceptRA=no
Address=192.0.2.10/26
Address=2001:db8::10/56
DNS=192.0.2.53

[Route]
Destination=0.0.0.0/0
Gateway=192.0.2.1

[Route]
Destination=::/0
Gateway=2001:db8::1
`);
    expect(network('30-ens4.network')).toBe('[Match]\nName=ens4\n\n[Network]\nDHCP=ipv4\nIPv6AcceptRA=no\nDNS=192.0.2.53\n');
  });

  it('makes bonds and VLANs', () => {
    interfaces({ ens3: '52:54:00:00:00:01', ens4: '52:54:00:00:00:02' });
    drive(
      {},
      {
        links: [
          { id: 'phy0', type: 'phy', ethernet_mac_address: '52:54:00:00:00:01' },
          { id: 'phy1', type: 'phy', ethernet_mac_address: '52:54:00:00:00:02' },
          { id: 'bond0', type: 'bond', bond_links: ['phy0', 'phy1'], bond_mode: '802.3ad', bond_miimon: 100 },
          { id: 'vlan7', type: 'vlan', vlan_link: 'bond0', vlan_id: 7, vlan_mac_address: '52:54:00:00:00:01' },
        ],
        networks: [{ id: 'n', link: 'vlan7', type: 'ipv4', ip_address: '198.51.100.2/24', gateway: '198.51.100.1' }],
      },
    );
    run();
    expect(network('20-ens3.network')).toBe('[Match]\nName=ens3\n\n[Network]\nBond=bond0\n');
    expect(network('20-ens4.network')).toBe('[Match]\nName=ens4\n\n[Network]\nBond=bond0\n');
    expect(network('10-bond0.netdev')).toBe('[NetDev]\nName=bond0\nKind=bond\n\n[Bond]\nMode=802.3ad\nMIIMonSec=100ms\n');
    expect(network('30-bond0.network')).toContain('VLAN=vlan7\n');
    expect(network('10-vlan7.netdev')).toBe('[NetDev]\nName=vlan7\nKind=vlan\nMACAddress=52:54:00:00:00:01\n\n[VLAN]\nId=7\n');
    expect(network('30-vlan7.network')).toContain('Address=198.51.100.2/24\n\n[Route]\nGateway=198.51.100.1\n');
  });

  it('sets the host name, and adds each key of root once', () => {
    put('root/.ssh/authorized_keys', 'ssh-ed25519 AAAA before\n');
    drive({ hostname: 'web.example', public_keys: { a: 'ssh-ed25519 BBBB a\n', b: 'ssh-rsa CCCC b' } }, { links: [] });
    run();
    run();
    expect(readFileSync(join(root, 'etc/hostname'), 'utf8')).toBe('web\n');
    const keys = join(root, 'root/.ssh/authorized_keys');
    expect(readFileSync(keys, 'utf8')).toBe('ssh-ed25519 AAAA before\nssh-ed25519 BBBB a\nssh-rsa CCCC b\n');
    expect(statSync(keys).mode & 0o777).toBe(0o600);
  });

  it('takes no host name that is none', () => {
    drive({ hostname: '$(reboot)' }, {});
    run();
    expect(readFileSync(join(root, 'etc/hostname'), 'utf8')).toBe('image\n');
  });
});
