// Generated from schemas/element.schema.json by `npm run generate`: do not edit.

/**
 * element.yaml: what an element does, and which variables it reads. Optional. It describes, and changes nothing that is built, save that variables of type `path` name files whose content is part of the image.
 */
export interface ElementFile {
  /**
   * What the element does to the image, in one line.
   */
  summary: string;
  /**
   * More about it, in paragraphs separated by blank lines.
   */
  description?: string;
  /**
   * Distributions that it works on. Without this key, it works on every one.
   *
   * @minItems 1
   *
   * Items: Name of a distribution, or of a family, which stands for all of its distributions: `debian` (Debian and Ubuntu), `redhat`, `suse`, `gentoo`.
   */
  distros?: [string, ...string[]];
  /**
   * Environment variables that its scripts read, by name. A name that ends with `*` stands for all that begin so.
   */
  variables?: {
    [k: string]: ElementVariable;
  };
  /**
   * Files that its hooks in cleanup.d write into the directory `DIB_EXTRA_OUTPUTS`, by what follows the name of the image: they become outputs of the image, beside its first one.
   *
   * @minItems 1
   *
   * Items: What follows the name of the image: `.vmlinuz` for `NAME.vmlinuz`.
   */
  outputs?: [string, ...string[]];
  /**
   * Directories of `DIB_IMAGE_CACHE` that hooks inside the image see too, for downloads that builds share. What is in them is no part of the image, nor of any key.
   *
   * @minItems 1
   *
   * Items: Name of the directory.
   */
  caches?: [string, ...string[]];
  /**
   * Phases whose hooks need the network. Hooks of the element in other phases run without: they have a loopback interface alone. An empty list: none needs it. Without this key all have the network.
   *
   * Items: Name of a phase.
   */
  network?: (
    | 'root.d'
    | 'extra-data.d'
    | 'pre-install.d'
    | 'install.d'
    | 'post-install.d'
    | 'post-root.d'
    | 'pre-finalise.d'
    | 'finalise.d'
    | 'cleanup.d'
  )[];
}
/**
 * A variable that the element reads.
 */
export interface ElementVariable {
  /**
   * What its value must be. boolean: 0, 1, true, false, yes or no. integer: a whole number. size: such as 512MiB. list: words separated by blanks or commas. path: a file or directory of the builder, relative to the directory of image.yaml; paths of the image are of type string. url: with its scheme. An empty value is always allowed, unless the variable is required.
   */
  type: 'string' | 'boolean' | 'integer' | 'size' | 'list' | 'path' | 'url';
  /**
   * What the scripts take when it is not set: for people to read, environment.d or the scripts set it. It may name other variables, as `${NAME}`.
   */
  default?: string | number | boolean;
  /**
   * The values that it can have; of a list, those that its words can have.
   *
   * @minItems 1
   *
   * Items: A value.
   */
  enum?: [string | number | boolean, ...(string | number | boolean)[]];
  /**
   * What it means, in Markdown.
   */
  description: string;
  /**
   * An image with this element has to set it.
   */
  required?: boolean;
  /**
   * Its value is never shown, logged or stored.
   */
  secret?: boolean;
  /**
   * Why not to use it any more, and what to use: `Use DIB_BAR.`
   */
  deprecated?: string;
}
