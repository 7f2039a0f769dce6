import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Project, tinyImage } from '../cli/project.ts';

let project: Project;
beforeAll(() => {
  const elements = ['tiny-system', 'ramdisk-outputs', './elements/ramdisk'];
  project = new Project(tinyImage({ name: 'deploy', elements, block_device: undefined, outputs: undefined }));
});
afterAll(() => project.remove());

test('ramdisk-outputs: what ramdisk-base of diskimage-builder copies to the current directory is an output; no-final-image: there is no disk', () => {
  project.hook('ramdisk', 'post-install.d/99-build-ramdisk', 'echo kernel >/tmp/kernel', 'echo ramdisk >/tmp/ramdisk');
  const copy = ['sudo chmod a+r $TMP_MOUNT_PATH/tmp/ramdisk', 'cp $TMP_MOUNT_PATH/tmp/ramdisk $IMAGE_NAME.initramfs'];
  project.hook('ramdisk', 'cleanup.d/99-extract', ...copy, 'cp $TMP_MOUNT_PATH/tmp/kernel $IMAGE_NAME.kernel');
  project.apply();
  expect(readFileSync(project.path('deploy.kernel'), 'utf8')).toBe('kernel\n');
  expect(readFileSync(project.path('deploy.initramfs'), 'utf8')).toBe('ramdisk\n');
  expect(existsSync(project.path('deploy.qcow2'))).toBe(false);
  expect(existsSync(project.path('.dib/work/image0.raw'))).toBe(false);
  project.run(['destroy', '--auto-approve', '--outputs']);
  expect(existsSync(project.path('deploy.kernel'))).toBe(false);

  project.hook('ramdisk', 'cleanup.d/99-extract', 'true');
  const { stderr } = project.apply([], { status: 1 });
  expect(stderr).toContain('No hook of cleanup.d made deploy.kernel and deploy.initramfs');
  project.expectNothingLeft();
});
