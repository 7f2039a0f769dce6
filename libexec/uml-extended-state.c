/*
 * Preloaded into user-mode Linux on a processor with AMX.
 *
 * Kernels of user-mode Linux before 6.13 keep the extended state of a processor (NT_X86_XSTATE of ptrace(2)) in a buffer of fixed size, without the tiles of
 * AMX. The host's kernel gives the part of the state that fits, but takes only the whole of it (xstateregs_set() in arch/x86/kernel/fpu/regset.c), and
 * user-mode Linux panics at the first program ("put_fp_registers"). What it sets is made whole here, with the rest in its initial state: nobody in the
 * machine uses that, as no program may before it asks the kernel (arch_prctl(2), ARCH_REQ_XCOMP_PERM).
 *
 * Compiled when the machine is started: vm/uml.ts. Needs no header of the C library.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* <asm/unistd_64.h>, <linux/ptrace.h>, <linux/elf.h> */
enum { SYS_PTRACE = 101, PEEKTEXT = 1, PEEKUSER = 3, GETREGSET = 0x4204, SETREGSET = 0x4205, XSTATE = 0x202 };

/* Intel SDM, volume 1, 13.4: where XSTATE_BV is, and its bits for what lies in the first 2696 bytes: x87 to AVX-512, and PKRU. */
enum { STATE_BITS = 512, KNOWN_STATE = 0x2ff };

struct buffer {
  void *base;
  size_t length;
};

extern long syscall(long number, ...);
extern int *__errno_location(void);

/* Not on the stack, which is a small one of a kernel. */
static _Alignas(64) unsigned char whole[1 << 15];

static long set_state(long pid, const struct buffer *given) {
  struct buffer all = {whole, sizeof whole};
  if (syscall(SYS_PTRACE, GETREGSET, pid, XSTATE, &all) < 0) return -1;
  if (given->length >= all.length) return syscall(SYS_PTRACE, SETREGSET, pid, XSTATE, given);
  for (size_t at = 0; at < all.length; at += 1) whole[at] = at < given->length ? ((unsigned char *)given->base)[at] : 0;
  *(uint64_t *)(whole + STATE_BITS) &= KNOWN_STATE;
  return syscall(SYS_PTRACE, SETREGSET, pid, XSTATE, &all);
}

/* ptrace(2) as the C library has it: what is peeked is the result there, and not stored. */
long ptrace(int request, ...) {
  va_list rest;
  va_start(rest, request);
  long pid = va_arg(rest, int);
  void *address = va_arg(rest, void *);
  void *data = va_arg(rest, void *);
  va_end(rest);
  if (request == SETREGSET && (long)address == XSTATE) return set_state(pid, data);
  if (request < PEEKTEXT || request > PEEKUSER) return syscall(SYS_PTRACE, request, pid, address, data);
  long word;
  if (syscall(SYS_PTRACE, request, pid, address, &word) < 0) return -1;
  *__errno_location() = 0;
  return word;
}
