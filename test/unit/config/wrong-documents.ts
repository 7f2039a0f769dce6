/** Documents that are wrong in one way or several, and everything that is said about them: code, line:column, summary. */
export interface WrongDocument {
  readonly title: string;
  readonly text: string;
  readonly expected: readonly (readonly [code: string, place: string, summary: string])[];
}

/** The two lines that every image begins with; what a document adds starts in line 3. */
export const HEAD = 'apiVersion: dib/v1\nname: web\n';

export const WRONG_DOCUMENTS: readonly WrongDocument[] = [
  { title: 'nothing', text: ``, expected: [['DIB_CONFIG_EMPTY', '1:1', 'The file has no content']] },
  { title: 'only comments', text: `# nothing\n\n---\n`, expected: [['DIB_CONFIG_EMPTY', '1:1', 'The file has no content']] },
  {
    title: 'an unclosed bracket',
    text: `${HEAD}packages: [a,\n`,
    expected: [['DIB_YAML_SYNTAX', '3:11', 'This `[` is never closed']],
  },
  {
    title: 'an unclosed brace',
    text: `${HEAD}distro: {name: debian\nelements: []\n`,
    expected: [['DIB_YAML_SYNTAX', '3:9', 'This `{` is never closed']],
  },
  {
    title: 'an unclosed double quote',
    text: `${HEAD}distro: "debian\n`,
    expected: [['DIB_YAML_SYNTAX', '3:9', 'This `"` is never closed']],
  },
  {
    title: 'an unclosed single quote',
    text: `${HEAD}distro: 'it''s\n`,
    expected: [['DIB_YAML_SYNTAX', '3:9', "This `'` is never closed"]],
  },
  {
    title: 'a tab as indentation',
    text: `${HEAD}distro:\n\tname: debian\n`,
    expected: [['DIB_YAML_SYNTAX', '4:1', 'A tab is used as indentation']],
  },
  {
    title: 'two keys on a line',
    text: `${HEAD}distro: name: debian\n`,
    expected: [['DIB_YAML_SYNTAX', '3:9', 'Two keys on one line, or a wrong indentation']],
  },
  {
    title: 'a nested key under a text',
    text: `name: web\napiVersion: dib/v1\n  distro: x\n`,
    expected: [['DIB_YAML_SYNTAX', '2:13', 'Two keys on one line, or a wrong indentation']],
  },
  {
    title: 'a dash without blank',
    text: `${HEAD}packages:\n- a\n-b\n`,
    expected: [['DIB_YAML_SYNTAX', '5:1', 'Neither `key: value` nor a list item']],
  },
  {
    title: 'uneven indentation',
    text: `${HEAD}distro:\n    name: debian\n  release: bookworm\n`,
    expected: [['DIB_YAML_SYNTAX', '5:1', 'Wrong indentation']],
  },
  {
    title: 'a bad escape',
    text: `${HEAD}environment: { A: "\\q" }\n`,
    expected: [['DIB_YAML_SYNTAX', '3:20', 'This is not an escape sequence']],
  },
  {
    title: 'text that starts with @',
    text: `${HEAD}elements: @x\n`,
    expected: [['DIB_YAML_SYNTAX', '3:11', 'Plain text cannot start with this character']],
  },
  {
    title: 'text that starts with %',
    text: `${HEAD}elements: %x\n`,
    expected: [['DIB_YAML_SYNTAX', '3:11', 'Plain text cannot start with this character']],
  },
  {
    title: 'text that starts with `',
    text: `${HEAD}elements: \`x\`\n`,
    expected: [['DIB_YAML_SYNTAX', '3:11', 'Plain text cannot start with this character']],
  },
  { title: 'a mapping as key', text: `${HEAD}{ a: b }: c\n`, expected: [['DIB_YAML_KEY', '3:1', 'A key must be text']] },
  {
    title: 'an empty alias name',
    text: `${HEAD}packages: [* ]\n`,
    expected: [['DIB_YAML_SYNTAX', '3:12', 'This is not the name of an alias']],
  },
  {
    title: 'a duplicate key',
    text: `${HEAD}name: again\n`,
    expected: [['DIB_YAML_DUPLICATE_KEY', '3:1', 'The key `name` is there twice']],
  },
  {
    title: 'a duplicate key in a flow mapping',
    text: `${HEAD}environment: { A: 1, A: 2 }\n`,
    expected: [['DIB_YAML_DUPLICATE_KEY', '3:22', 'The key `A` is there twice']],
  },
  {
    title: 'a key three times',
    text: `${HEAD}packages: []\npackages: []\npackages: []\n`,
    expected: [
      ['DIB_YAML_DUPLICATE_KEY', '4:1', 'The key `packages` is there twice'],
      ['DIB_YAML_DUPLICATE_KEY', '5:1', 'The key `packages` is there twice'],
    ],
  },
  {
    title: 'an unknown tag',
    text: `${HEAD}environment: !ruby/object { A: 1 }\n`,
    expected: [['DIB_YAML_TAG', '3:14', 'Unknown tag `!ruby/object`']],
  },
  {
    title: 'a known tag that is not needed',
    text: `${HEAD}environment: { A: !!binary YQ== }\n`,
    expected: [['DIB_YAML_TAG', '3:19', 'Unknown tag `!!binary`']],
  },
  {
    title: 'a second document',
    text: `${HEAD}---\nname: other\n`,
    expected: [['DIB_YAML_SEVERAL_DOCUMENTS', '3:1', 'A second document starts here']],
  },
  {
    title: 'a second document after dots',
    text: `${HEAD}...\n---\na: 1\n`,
    expected: [['DIB_YAML_SEVERAL_DOCUMENTS', '4:1', 'A second document starts here']],
  },
  {
    title: 'an alias without anchor',
    text: `${HEAD}packages: [*curl]\n`,
    expected: [['DIB_YAML_ALIAS', '3:12', 'No anchor `&curl` stands before this alias']],
  },
  {
    title: 'a mistyped alias',
    text: `${HEAD}packages: [&tools curl, *toils]\n`,
    expected: [['DIB_YAML_ALIAS', '3:25', 'No anchor `&toils` stands before this alias']],
  },
  {
    title: 'an alias into itself',
    text: `${HEAD}environment: &e { A: *e }\n`,
    expected: [['DIB_YAML_ALIAS', '3:22', 'The alias `*e` stands inside of its own anchor']],
  },
  {
    title: 'a text with NUL',
    text: `${HEAD}packages: ["a\\0b"]\n`,
    expected: [['DIB_YAML_NUL', '3:12', 'A text with a NUL character']],
  },
  {
    title: 'a merge key',
    text: `${HEAD}<<: { packages: [] }\n`,
    expected: [['DIB_CONFIG_UNKNOWN_KEY', '3:1', '`<<` is not a key of the image']],
  },
  {
    title: 'a list as document',
    text: `- a\n`,
    expected: [['DIB_CONFIG_WRONG_TYPE', '1:1', 'The image must be a mapping, but it is a list']],
  },
  {
    title: 'text as document',
    text: `just text\n`,
    expected: [['DIB_CONFIG_WRONG_TYPE', '1:1', 'The image must be a mapping, but `just text` is text']],
  },
  {
    title: 'no name and no version',
    text: `packages: []\n`,
    expected: [
      ['DIB_CONFIG_MISSING_KEY', '1:1', 'The image lacks the key `apiVersion`'],
      ['DIB_CONFIG_MISSING_KEY', '1:1', 'The image lacks the key `name`'],
    ],
  },
  {
    title: 'an unknown key',
    text: `${HEAD}element: [vm]\n`,
    expected: [['DIB_CONFIG_UNKNOWN_KEY', '3:1', '`element` is not a key of the image']],
  },
  {
    title: 'an unknown key near nothing',
    text: `${HEAD}zzz: 1\n`,
    expected: [['DIB_CONFIG_UNKNOWN_KEY', '3:1', '`zzz` is not a key of the image']],
  },
  {
    title: 'a mistyped required key',
    text: `apiVersion: dib/v1\nnmae: web\n`,
    expected: [['DIB_CONFIG_UNKNOWN_KEY', '2:1', '`nmae` is not a key of the image']],
  },
  {
    title: 'dash instead of underscore',
    text: `${HEAD}block-device: []\n`,
    expected: [['DIB_CONFIG_UNKNOWN_KEY', '3:1', '`block-device` is not a key of the image']],
  },
  {
    title: 'letter case of a key',
    text: `${HEAD}Packages: []\n`,
    expected: [['DIB_CONFIG_UNKNOWN_KEY', '3:1', '`Packages` is not a key of the image']],
  },
  {
    title: "diskimage-builder's keys",
    text: `apiVersion: dib/v1\nimagename: web\ntypes: [qcow2]\narch: amd64\n`,
    expected: [
      ['DIB_CONFIG_MISSING_KEY', '1:1', 'The image lacks the key `name`'],
      ['DIB_CONFIG_UNKNOWN_KEY', '2:1', '`imagename` is not a key of the image'],
      ['DIB_CONFIG_UNKNOWN_KEY', '3:1', '`types` is not a key of the image'],
      ['DIB_CONFIG_UNKNOWN_KEY', '4:1', '`arch` is not a key of the image'],
    ],
  },
  {
    title: 'image-size',
    text: `${HEAD}image-size: 4\n`,
    expected: [['DIB_CONFIG_UNKNOWN_KEY', '3:1', '`image-size` is not a key of the image']],
  },
  {
    title: 'an octal name',
    text: `apiVersion: dib/v1\nname: 0700\n`,
    expected: [['DIB_CONFIG_WRONG_TYPE', '2:7', '`name` must be text, but `0700` is a number']],
  },
  {
    title: 'a 0o octal name',
    text: `apiVersion: dib/v1\nname: 0o17\n`,
    expected: [['DIB_CONFIG_WRONG_TYPE', '2:7', '`name` must be text, but `0o17` is a number']],
  },
  {
    title: 'a number as name',
    text: `apiVersion: dib/v1\nname: 12\n`,
    expected: [['DIB_CONFIG_WRONG_TYPE', '2:7', '`name` must be text, but `12` is a number']],
  },
  {
    title: 'a boolean as name',
    text: `apiVersion: dib/v1\nname: true\n`,
    expected: [['DIB_CONFIG_WRONG_TYPE', '2:7', '`name` must be text, but `true` is a boolean']],
  },
  {
    title: 'yes as name',
    text: `apiVersion: dib/v1\nname: yes\n`,
    expected: [['DIB_CONFIG_AMBIGUOUS_TEXT', '2:7', '`name` is the text `yes`, without quotes']],
  },
  {
    title: 'no value',
    text: `apiVersion: dib/v1\nname:\n`,
    expected: [['DIB_CONFIG_MISSING_VALUE', '2:1', '`name` has no value']],
  },
  {
    title: 'null',
    text: `apiVersion: dib/v1\nname: ~\n`,
    expected: [['DIB_CONFIG_MISSING_VALUE', '2:7', '`name` has no value']],
  },
  {
    title: 'an empty name',
    text: `apiVersion: dib/v1\nname: ''\n`,
    expected: [['DIB_CONFIG_MISSING_VALUE', '2:7', '`name` is empty']],
  },
  {
    title: 'a name that escapes',
    text: `apiVersion: dib/v1\nname: ../web\n`,
    expected: [['DIB_CONFIG_BAD_VALUE', '2:7', '`../web` is not a valid `name`']],
  },
  {
    title: 'a name with blanks',
    text: `apiVersion: dib/v1\nname: my web\n`,
    expected: [['DIB_CONFIG_BAD_VALUE', '2:7', '`my web` is not a valid `name`']],
  },
  {
    title: 'a long name',
    text: `apiVersion: dib/v1\nname: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n`,
    expected: [['DIB_CONFIG_TOO_LONG', '2:7', '`name` is longer than 64 characters']],
  },
  {
    title: 'another version of the format',
    text: `apiVersion: dib/v2\nname: web\n`,
    expected: [['DIB_CONFIG_UNKNOWN_VALUE', '1:13', '`apiVersion` cannot be `dib/v2`']],
  },
  {
    title: 'a text as list',
    text: `${HEAD}elements: vm\n`,
    expected: [['DIB_CONFIG_WRONG_TYPE', '3:11', '`elements` must be a list, but `vm` is text']],
  },
  {
    title: 'a mapping as list',
    text: `${HEAD}elements:\n  vm: true\n`,
    expected: [['DIB_CONFIG_WRONG_TYPE', '4:3', '`elements` must be a list, but it is a mapping']],
  },
  {
    title: 'a number in a list',
    text: `${HEAD}packages: [7]\n`,
    expected: [['DIB_CONFIG_WRONG_TYPE', '3:12', '`packages[0]` must be text, but `7` is a number']],
  },
  {
    title: 'a list in a list',
    text: `${HEAD}packages: [[a]]\n`,
    expected: [['DIB_CONFIG_WRONG_TYPE', '3:12', '`packages[0]` must be text, but it is a list']],
  },
  {
    title: 'nothing in a list',
    text: `${HEAD}packages:\n  -\n  - curl\n`,
    expected: [['DIB_CONFIG_MISSING_VALUE', '4:3', '`packages[0]` has no value']],
  },
  {
    title: 'a text as mapping',
    text: `${HEAD}distro: bookworm\n`,
    expected: [['DIB_CONFIG_WRONG_TYPE', '3:9', '`distro` must be a mapping, but `bookworm` is text']],
  },
  {
    title: 'a list as mapping',
    text: `${HEAD}environment:\n  - A=1\n`,
    expected: [['DIB_CONFIG_WRONG_TYPE', '4:3', '`environment` must be a mapping, but it is a list']],
  },
  {
    title: 'a distro without release',
    text: `${HEAD}distro: { name: debian }\n`,
    expected: [['DIB_CONFIG_MISSING_KEY', '3:1', '`distro` lacks the key `release`']],
  },
  {
    title: 'a mistyped release key',
    text: `${HEAD}distro: { name: debian, relase: bookworm }\n`,
    expected: [['DIB_CONFIG_UNKNOWN_KEY', '3:25', '`relase` is not a key of `distro`']],
  },
  {
    title: 'suite for release',
    text: `${HEAD}distro: { name: debian, suite: bookworm }\n`,
    expected: [
      ['DIB_CONFIG_MISSING_KEY', '3:1', '`distro` lacks the key `release`'],
      ['DIB_CONFIG_UNKNOWN_KEY', '3:25', '`suite` is not a key of `distro`'],
    ],
  },
  {
    title: 'a release by number',
    text: `${HEAD}distro: { name: debian, release: 12 }\n`,
    expected: [['DIB_CONFIG_WRONG_TYPE', '3:34', '`distro.release` must be text, but `12` is a number']],
  },
  {
    title: 'an unknown variant',
    text: `${HEAD}distro: { name: debian, release: bookworm, variant: minbas }\n`,
    expected: [['DIB_CONFIG_UNKNOWN_VALUE', '3:53', '`distro.variant` cannot be `minbas`']],
  },
  {
    title: 'a bad variable name',
    text: `${HEAD}environment: { 1A: x, B-C: y }\n`,
    expected: [
      ['DIB_CONFIG_BAD_KEY', '3:16', '`1A` is not a valid key of `environment`'],
      ['DIB_CONFIG_BAD_KEY', '3:23', '`B-C` is not a valid key of `environment`'],
    ],
  },
  {
    title: 'a variable without value',
    text: `${HEAD}environment:\n  A:\n`,
    expected: [['DIB_CONFIG_MISSING_VALUE', '4:3', '`environment.A` has no value']],
  },
  {
    title: 'a list as variable',
    text: `${HEAD}environment: { A: [1] }\n`,
    expected: [['DIB_CONFIG_WRONG_TYPE', '3:19', '`environment.A` must be text, a number or a boolean, but it is a list']],
  },
  {
    title: 'an unknown format',
    text: `${HEAD}outputs: [qcow]\n`,
    expected: [['DIB_CONFIG_UNKNOWN_VALUE', '3:11', '`outputs[0]` cannot be `qcow`']],
  },
  {
    title: 'a format of others',
    text: `${HEAD}outputs: [vmdk]\n`,
    expected: [['DIB_CONFIG_UNKNOWN_VALUE', '3:11', '`outputs[0]` cannot be `vmdk`']],
  },
  {
    title: 'a number as output',
    text: `${HEAD}outputs: [5]\n`,
    expected: [['DIB_CONFIG_WRONG_TYPE', '3:11', '`outputs[0]` must be text or a mapping, but `5` is a number']],
  },
  {
    title: 'nothing as output',
    text: `${HEAD}outputs: [~]\n`,
    expected: [['DIB_CONFIG_MISSING_VALUE', '3:11', '`outputs[0]` has no value']],
  },
  {
    title: 'an output without format',
    text: `${HEAD}outputs:\n  - path: a.raw\n`,
    expected: [['DIB_CONFIG_MISSING_KEY', '4:5', '`outputs[0]` lacks the key `format`']],
  },
  {
    title: 'a mistyped format key',
    text: `${HEAD}outputs:\n  - fromat: raw\n`,
    expected: [['DIB_CONFIG_UNKNOWN_KEY', '4:5', '`fromat` is not a key of `outputs[0]`']],
  },
  {
    title: 'an unknown format in a mapping',
    text: `${HEAD}outputs: [{ format: rav }]\n`,
    expected: [['DIB_CONFIG_UNKNOWN_VALUE', '3:21', '`outputs[0].format` cannot be `rav`']],
  },
  {
    title: 'a bad package name',
    text: `${HEAD}packages: ["-y", "a b"]\n`,
    expected: [
      ['DIB_CONFIG_BAD_VALUE', '3:12', '`-y` is not a valid `packages[0]`'],
      ['DIB_CONFIG_BAD_VALUE', '3:18', '`a b` is not a valid `packages[1]`'],
    ],
  },
  {
    title: 'a mapping as block devices',
    text: `${HEAD}block_device:\n  local_loop: {}\n`,
    expected: [['DIB_CONFIG_WRONG_TYPE', '4:3', '`block_device` must be a list, but it is a mapping']],
  },
  {
    title: 'no block devices',
    text: `${HEAD}block_device:\n`,
    expected: [['DIB_CONFIG_MISSING_VALUE', '3:1', '`block_device` has no value']],
  },
  {
    title: 'a mistyped distro',
    text: `${HEAD}distro: { name: debain, release: bookworm }\n`,
    expected: [['DIB_DISTRO_UNKNOWN', '3:17', 'The distribution `debain` is not known']],
  },
  {
    title: 'an unknown distro without elements',
    text: `${HEAD}distro: { name: plan9, release: fourth }\n`,
    expected: [['DIB_DISTRO_UNKNOWN', '3:17', 'The distribution `plan9` is not known']],
  },
  {
    title: 'a mistyped release',
    text: `${HEAD}elements: [vm]\ndistro: { name: debian, release: bookwrom }\n`,
    expected: [['DIB_DISTRO_UNKNOWN_RELEASE', '4:34', '`bookwrom` is not a release of `debian` that dib knows']],
  },
  {
    title: 'a release by its number in quotes',
    text: `${HEAD}distro: { name: debian, release: '12' }\n`,
    expected: [['DIB_DISTRO_UNKNOWN_RELEASE', '3:34', '`12` is not a release of `debian` that dib knows']],
  },
  {
    title: 'a moving release',
    text: `${HEAD}distro: { name: debian, release: stable }\n`,
    expected: [['DIB_DISTRO_UNKNOWN_RELEASE', '3:34', '`stable` is not a release of `debian` that dib knows']],
  },
  {
    title: "a kernel's architecture",
    text: `${HEAD}distro: { name: debian, release: bookworm, arch: x86_64 }\n`,
    expected: [['DIB_DISTRO_UNKNOWN_ARCH', '3:50', 'The architecture `x86_64` is not known']],
  },
  {
    title: 'an unknown architecture',
    text: `${HEAD}distro: { name: debian, release: bookworm, arch: pdp11 }\n`,
    expected: [['DIB_DISTRO_UNKNOWN_ARCH', '3:50', 'The architecture `pdp11` is not known']],
  },
  {
    title: 'an architecture of another release',
    text: `${HEAD}distro: { name: debian, release: bookworm, arch: riscv64 }\n`,
    expected: [['DIB_DISTRO_UNKNOWN_ARCH', '3:50', '`bookworm` of `debian` has no architecture `riscv64`']],
  },
  {
    title: 'a mistyped component',
    text: `${HEAD}distro: { name: debian, release: bookworm, components: [main, contirb, main] }\n`,
    expected: [
      ['DIB_DISTRO_UNKNOWN_COMPONENT', '3:63', '`contirb` is not a component of `debian`'],
      ['DIB_CONFIG_DUPLICATE', '3:72', 'The component `main` is there twice'],
    ],
  },
  {
    title: 'a mirror that is no URL',
    text: `${HEAD}distro: { name: debian, release: bookworm, mirror: /srv/debian }\n`,
    expected: [['DIB_DISTRO_BAD_MIRROR', '3:52', '`/srv/debian` is not the URL of a package archive']],
  },
  {
    title: 'a mirror with a password',
    text: `${HEAD}distro: { name: debian, release: bookworm, mirror: "https://me:secret@mirror.invalid/debian" }\n`,
    expected: [['DIB_DISTRO_SECRET_IN_MIRROR', '3:52', 'The URL of the mirror holds a password']],
  },
  {
    title: 'an element outside',
    text: `${HEAD}elements: [../common/motd]\n`,
    expected: [['DIB_CONFIG_PATH_ESCAPES', '3:12', 'The element `../common/motd` lies outside of the directory of image.yaml']],
  },
  {
    title: 'an element outside, hidden',
    text: `${HEAD}elements: [./a/../../motd]\n`,
    expected: [['DIB_CONFIG_PATH_ESCAPES', '3:12', 'The element `./a/../../motd` lies outside of the directory of image.yaml']],
  },
  {
    title: 'an absolute element',
    text: `${HEAD}elements: [/srv/elements/motd]\n`,
    expected: [['DIB_CONFIG_PATH_ABSOLUTE', '3:12', 'The element `/srv/elements/motd` is an absolute path']],
  },
  {
    title: 'an element path without ./',
    text: `${HEAD}elements: [elements/motd]\n`,
    expected: [['DIB_CONFIG_BAD_ELEMENT', '3:12', '`elements/motd` is not the name of an element']],
  },
  {
    title: 'several elements in one text',
    text: `${HEAD}elements: [vm openssh-server]\n`,
    expected: [['DIB_CONFIG_BAD_ELEMENT', '3:12', '`vm openssh-server` is several elements in one text']],
  },
  {
    title: 'an element that starts with a dash',
    text: `${HEAD}elements: [-x]\n`,
    expected: [['DIB_CONFIG_BAD_ELEMENT', '3:12', '`-x` is not the name of an element']],
  },
  {
    title: 'an element twice',
    text: `${HEAD}elements: [vm, ./a, vm, ./b/../a]\n`,
    expected: [
      ['DIB_CONFIG_DUPLICATE', '3:21', 'The element `vm` is there twice'],
      ['DIB_CONFIG_DUPLICATE', '3:25', 'The element `./b/../a` is there twice'],
    ],
  },
  {
    title: 'the directory itself as element',
    text: `${HEAD}elements: [./]\n`,
    expected: [['DIB_CONFIG_BAD_ELEMENT', '3:12', '`./` is not the name of an element']],
  },
  {
    title: 'a home directory in elements_path',
    text: `${HEAD}elements_path: [~/elements]\n`,
    expected: [['DIB_CONFIG_BAD_PATH', '3:17', '`~/elements` is not a directory that dib can look into']],
  },
  {
    title: 'a colon in elements_path',
    text: `${HEAD}elements_path: ["a:b"]\n`,
    expected: [['DIB_CONFIG_BAD_PATH', '3:17', '`a:b` has a colon in it']],
  },
  {
    title: 'a directory twice',
    text: `${HEAD}elements_path: [a, ./a/]\n`,
    expected: [['DIB_CONFIG_DUPLICATE', '3:20', 'The directory `./a/` is there twice']],
  },
  {
    title: 'a variable that dib sets',
    text: `${HEAD}environment: { IMAGE_NAME: x, TARGET_ROOT: /x }\n`,
    expected: [
      ['DIB_CONFIG_RESERVED_VARIABLE', '3:16', '`IMAGE_NAME` is set by dib, from `name`'],
      ['DIB_CONFIG_RESERVED_VARIABLE', '3:31', '`TARGET_ROOT` is set by dib for each hook'],
    ],
  },
  {
    title: 'a variable against distro',
    text: `${HEAD}distro: { name: debian, release: bookworm }\nenvironment: { DIB_RELEASE: trixie, DISTRO_NAME: debian }\n`,
    expected: [['DIB_CONFIG_RESERVED_VARIABLE', '4:29', '`DIB_RELEASE` is `trixie`, but `distro.release` is `bookworm`']],
  },
  {
    title: 'an architecture against that of this machine',
    text: `${HEAD}distro: { name: debian, release: bookworm }\nenvironment: { ARCH: arm64 }\n`,
    expected: [['DIB_CONFIG_RESERVED_VARIABLE', '4:22', '`ARCH` is `arm64`, but `distro.arch` is `amd64`']],
  },
  {
    title: 'disks in two places',
    text: `${HEAD}block_device: []\nenvironment: { DIB_BLOCK_DEVICE_CONFIG: 'file:///x' }\n`,
    expected: [['DIB_CONFIG_RESERVED_VARIABLE', '4:16', '`DIB_BLOCK_DEVICE_CONFIG` and `block_device` both describe the disks']],
  },
  {
    title: 'an output outside',
    text: `${HEAD}outputs: [{ format: raw, path: ../web.raw }]\n`,
    expected: [['DIB_CONFIG_PATH_ESCAPES', '3:32', 'The path `../web.raw` leads out of the directory of image.yaml']],
  },
  {
    title: 'an output outside, hidden',
    text: `${HEAD}outputs: [{ format: raw, path: out/../../web.raw }]\n`,
    expected: [['DIB_CONFIG_PATH_ESCAPES', '3:32', 'The path `out/../../web.raw` leads out of the directory of image.yaml']],
  },
  {
    title: 'a device as output',
    text: `${HEAD}outputs: [{ format: raw, path: /dev/sda }]\n`,
    expected: [['DIB_CONFIG_PATH_ABSOLUTE', '3:32', 'The path `/dev/sda` lies in `/dev` of this machine']],
  },
  {
    title: 'a directory as output',
    text: `${HEAD}outputs: [{ format: raw, path: out/ }]\n`,
    expected: [['DIB_CONFIG_BAD_PATH', '3:32', 'The path `out/` is a directory']],
  },
  {
    title: 'image.yaml as output',
    text: `${HEAD}outputs: [{ format: raw, path: ./image.yaml }]\n`,
    expected: [['DIB_CONFIG_BAD_PATH', '3:32', 'The output would overwrite image.yaml']],
  },
  {
    title: 'the state as output',
    text: `${HEAD}outputs: [{ format: raw, path: .dib/state.json }]\n`,
    expected: [['DIB_CONFIG_BAD_PATH', '3:32', 'The path `.dib/state.json` lies in the state directory']],
  },
  {
    title: 'a home directory as output',
    text: `${HEAD}outputs: [{ format: raw, path: ~/web.raw }]\n`,
    expected: [['DIB_CONFIG_BAD_PATH', '3:32', 'The path `~/web.raw` starts with `~`, which is not expanded']],
  },
  {
    title: 'a control character in an output',
    text: `${HEAD}outputs: [{ format: raw, path: "a\\eb" }]\n`,
    expected: [['DIB_CONFIG_BAD_PATH', '3:32', 'The path `a\\x1bb` has control characters in it']],
  },
  {
    title: 'two outputs to one file',
    text: `${HEAD}outputs: [raw, { format: raw, path: ./web.raw }]\n`,
    expected: [['DIB_CONFIG_OUTPUT_CLASH', '3:37', 'This output is written to `./web.raw`, which another output needs']],
  },
  {
    title: 'the same output twice',
    text: `${HEAD}outputs: [qcow2, qcow2]\n`,
    expected: [['DIB_CONFIG_OUTPUT_CLASH', '3:18', 'This output is written to `web.qcow2`, which another output needs']],
  },
  {
    title: 'an output to the checksum of another',
    text: `${HEAD}outputs: [raw, { format: tar, path: web.raw.sha256 }]\n`,
    expected: [['DIB_CONFIG_OUTPUT_CLASH', '3:37', 'This output is written to `web.raw.sha256`, which another output needs']],
  },
  {
    title: 'an output below another',
    text: `${HEAD}outputs: [{ format: raw, path: out }, { format: tar, path: out/a.tar }]\n`,
    expected: [['DIB_CONFIG_OUTPUT_CLASH', '3:60', 'This output is written to `out/a.tar`, which another output needs']],
  },
  {
    title: 'an ending that misleads',
    text: `${HEAD}outputs: [{ format: qcow2, path: web.raw }]\n`,
    expected: [['DIB_CONFIG_MISLEADING_PATH', '3:34', 'The path `web.raw` looks like raw, but the output is `qcow2`']],
  },
  {
    title: 'a compression that the format lacks',
    text: `${HEAD}outputs: [{ format: raw, compression: zstd }, { format: qcow2, compression: gzip }]\n`,
    expected: [
      ['DIB_CONFIG_BAD_COMPRESSION', '3:39', '`raw` cannot be compressed with `zstd`'],
      ['DIB_CONFIG_BAD_COMPRESSION', '3:77', '`qcow2` cannot be compressed with `gzip`'],
    ],
  },
  {
    title: 'a disk for a tar',
    text: `${HEAD}outputs: [{ format: tar, disk: image0 }]\n`,
    expected: [['DIB_CONFIG_OUTPUT_DISK', '3:26', 'A tar output has no disk']],
  },
  {
    title: 'a package twice',
    text: `${HEAD}packages: [curl, curl]\n`,
    expected: [['DIB_CONFIG_DUPLICATE', '3:18', 'The package `curl` is there twice']],
  },
  {
    title: 'texts that YAML 1.1 misreads',
    text: `${HEAD}packages: [on, 1_000, "yes", 12-34]\n`,
    expected: [
      ['DIB_CONFIG_AMBIGUOUS_TEXT', '3:12', '`packages[0]` is the text `on`, without quotes'],
      ['DIB_CONFIG_AMBIGUOUS_TEXT', '3:16', '`packages[1]` is the text `1_000`, without quotes'],
    ],
  },
  {
    title: 'many at once',
    text: `apiVersion: dib/v3\nnam: web\ndistro: { name: debain, release: 12, arch: x86_64 }\nelements: vm\noutputs: [qcow, { format: raw, path: ../x }]\n`,
    expected: [
      ['DIB_CONFIG_UNKNOWN_VALUE', '1:13', '`apiVersion` cannot be `dib/v3`'],
      ['DIB_CONFIG_UNKNOWN_KEY', '2:1', '`nam` is not a key of the image'],
      ['DIB_DISTRO_UNKNOWN', '3:17', 'The distribution `debain` is not known'],
      ['DIB_CONFIG_WRONG_TYPE', '3:34', '`distro.release` must be text, but `12` is a number'],
      ['DIB_DISTRO_UNKNOWN_ARCH', '3:44', 'The architecture `x86_64` is not known'],
      ['DIB_CONFIG_WRONG_TYPE', '4:11', '`elements` must be a list, but `vm` is text'],
      ['DIB_CONFIG_UNKNOWN_VALUE', '5:11', '`outputs[0]` cannot be `qcow`'],
      ['DIB_CONFIG_PATH_ESCAPES', '5:38', 'The path `../x` leads out of the directory of image.yaml'],
    ],
  },
  {
    title: 'too deep, in brackets',
    text: `${HEAD}packages: ${'['.repeat(70)}${']'.repeat(70)}\n`,
    expected: [['DIB_YAML_TOO_DEEP', '3:74', 'More than 64 lists and mappings inside each other']],
  },
  {
    title: 'too deep, a million brackets that are never closed',
    text: `${HEAD}packages: ${'['.repeat(1_000_000)}`,
    expected: [['DIB_YAML_TOO_DEEP', '3:74', 'More than 64 lists and mappings inside each other']],
  },
  {
    title: 'too deep, in dashes',
    text: `${HEAD}packages:\n  ${'- '.repeat(70)}a\n`,
    expected: [['DIB_YAML_TOO_DEEP', '4:129', 'More than 64 lists and mappings inside each other']],
  },
  {
    title: 'a text of half a megabyte',
    text: `${HEAD}packages: [${'a'.repeat(500_000)}]\n`,
    expected: [['DIB_YAML_TOO_LONG', '3:12', 'A text of 500000 characters; at most 65536 are allowed']],
  },
  {
    title: 'aliases of aliases of aliases',
    text: `${HEAD}x:\n  - &a [${'x,'.repeat(30)}]\n  - &b [${'*a,'.repeat(30)}]\n  - &c [${'*b,'.repeat(30)}]\n`,
    expected: [['DIB_YAML_ALIAS_BOMB', '6:36', 'aliases of aliases amount to more than 10000 values']],
  },
  {
    title: 'a hundred and one aliases',
    text: `${HEAD}packages: [&p curl${', *p'.repeat(101)}]\n`,
    expected: [['DIB_YAML_ALIAS_BOMB', '3:421', 'More than 100 aliases']],
  },
];
