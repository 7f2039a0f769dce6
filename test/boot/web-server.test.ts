import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltImage, buildImage, readExample } from '../support/example.ts';
import { expectPromisesKept } from '../support/expect-promises.ts';
import { bootAndReport } from '../support/qemu.ts';
import { freePort, makeSshKey, type SshKey, ssh } from '../support/ssh.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/web-server', import.meta.url));
const HTTP = `exec 3<>/dev/tcp/127.0.0.1/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3`;

/** Asks the agent in the machine, which answers one JSON document to a line. */
function askAgent(socket: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const connection = createConnection(socket, () => connection.write('{"execute":"guest-get-host-name"}\n'));
    connection.once('data', (answer) => {
      connection.end();
      resolve(JSON.parse(answer.toString()));
    });
    connection.on('error', reject);
  });
}

describe('examples/web-server', () => {
  let directory: string;
  let key: SshKey;
  let example: BuiltImage;

  beforeAll(() => {
    directory = mkdtempSync('/var/tmp/dib-test-web-');
    key = makeSshKey(directory);
    const users = `${readFileSync(join(EXAMPLE, 'users.txt'), 'utf8')}  ${key.publicKey}\n`;
    example = buildImage(readExample('web-server'), { beside: 'web-server', files: { 'users.txt': users } });
  });
  afterAll(async () => {
    await example?.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  it('boots: its site answers, its firewall is up, its user gets in, its agent speaks', async () => {
    const sshPort = await freePort();
    const agent = join(directory, 'agent');
    const said: Record<string, string> = {};
    let agentSaid: unknown;
    const { report, console } = await bootAndReport(example.disks, 'bios', {
      sshPort,
      arguments: [
        ...['-chardev', `socket,id=agent,path=${agent},server=on,wait=off`],
        ...['-device', 'virtserialport,chardev=agent,name=org.qemu.guest_agent.0'],
      ],
      inside: async () => {
        const commands = {
          units: 'systemctl is-active nginx chrony nftables qemu-guest-agent',
          firewall: 'sudo nft list chain inet filter input',
          page: HTTP,
          swap: 'swapon --show=NAME --noheadings',
          upgrades: 'apt-config dump APT::Periodic::Unattended-Upgrade',
          motd: 'cat /etc/motd',
          hardened: 'systemctl show --property=ProtectHome nginx',
          sources: 'sudo chronyc -n sources 2>&1 | head -1; grep -E "^(pool|server)" /etc/chrony/chrony.conf',
        };
        for (const [name, command] of Object.entries(commands)) said[name] = await ssh(sshPort, 'ops', key, command);
        agentSaid = await askAgent(agent);
      },
    });
    expect(said['units']).toBe('active\nactive\nactive\nactive');
    expect(said['firewall']).toContain('tcp dport { 22, 80, 443 } accept');
    expect(said['firewall']).toContain('policy drop');
    expect(said['page']).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(said['page']).toContain(readFileSync(join(EXAMPLE, 'files/srv/www/index.html'), 'utf8').trim());
    expect(said['swap']).toBe('/dev/zram0');
    expect(said['upgrades']).toBe('APT::Periodic::Unattended-Upgrade "1";');
    expect(said['motd']).toMatch(/^Made by dib from examples\/web-server\./);
    expect(said['hardened']).toBe('ProtectHome=yes');
    expect(said['sources']).toContain('pool 2.debian.pool.ntp.org iburst');
    expect(agentSaid).toEqual({ return: { 'host-name': 'web-server' } });
    expect(console).toContain('Authorised users only.');
    const devices = report.devices.filter(({ name }) => name !== 'zram0');
    const swaps = report.swaps.filter(({ name }) => name !== '/dev/zram0');
    expectPromisesKept({ ...report, devices, swaps }, example.promises, example.name);
  });
});
