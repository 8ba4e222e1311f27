//! The field product for x86-64 processors with BMI2 and ADX: two carry chains side by side.
//!
//! The same arithmetic as `field::Portable`, which tests hold it to; compilers do not use ADCX/ADOX by
//! themselves, and the product is four fifths of a verification.

use super::field::{Fe, Multiplier};
use core::arch::asm;

/// Products by MULX, ADCX and ADOX. Use only where `available()`.
#[derive(Clone, Copy)]
pub struct Mulx;

/// Whether this processor has the instructions.
pub fn available() -> bool {
    std::arch::is_x86_feature_detected!("bmi2") && std::arch::is_x86_feature_detected!("adx")
}

/// The reduction of r8..r15 (512 bits) into r12..r15; see `field::reduce_limb` for why it is right.
/// rax, rcx, rdx are scratch.
macro_rules! reduce {
    () => {
        concat!(
            reduce!("r8", "r9", "r10", "r11"),
            reduce!("r9", "r10", "r11", "r8"),
            reduce!("r10", "r11", "r8", "r9"),
            reduce!("r11", "r8", "r9", "r10"),
            "add r12, r8\nadc r13, r9\nadc r14, r10\nadc r15, r11\n",
            "mov eax, 0\nadc rax, 0\n",
            "mov rcx, 0xffffffff00000000\nmov rdx, 0xfffffffeffffffff\n",
            "mov r8, r12\nmov r9, r13\nmov r10, r14\nmov r11, r15\n",
            "sub r12, -1\nsbb r13, rcx\nsbb r14, -1\nsbb r15, rdx\nsbb rax, 0\n",
            "cmovc r12, r8\ncmovc r13, r9\ncmovc r14, r10\ncmovc r15, r11\n",
        )
    };
    ($c0:literal, $c1:literal, $c2:literal, $c3:literal) => {
        concat!(
            "mov rax, ",
            $c0,
            "\nshl rax, 32\nmov rcx, ",
            $c0,
            "\nshr rcx, 32\n",
            "add ",
            $c1,
            ", ",
            $c0,
            "\nadc ",
            $c2,
            ", 0\nadc ",
            $c3,
            ", 0\nadc ",
            $c0,
            ", 0\n",
            "sub ",
            $c1,
            ", rax\nsbb ",
            $c2,
            ", rcx\nsbb ",
            $c3,
            ", rax\nsbb ",
            $c0,
            ", rcx\n",
        )
    };
}

/// Adds a · b[k] to the five limbs from the given one; the last is new.
macro_rules! row {
    ($offset:literal, $t0:literal, $t1:literal, $t2:literal, $t3:literal, $t4:literal) => {
        concat!(
            "mov rdx, [rdi + ",
            $offset,
            "]\nxor ",
            $t4,
            ", ",
            $t4,
            "\n",
            "mulx rcx, rax, [rsi]\nadcx ",
            $t0,
            ", rax\nadox ",
            $t1,
            ", rcx\n",
            "mulx rcx, rax, [rsi + 8]\nadcx ",
            $t1,
            ", rax\nadox ",
            $t2,
            ", rcx\n",
            "mulx rcx, rax, [rsi + 16]\nadcx ",
            $t2,
            ", rax\nadox ",
            $t3,
            ", rcx\n",
            "mulx rcx, rax, [rsi + 24]\nadcx ",
            $t3,
            ", rax\nadox ",
            $t4,
            ", rcx\n",
            "mov edx, 0\nadcx ",
            $t4,
            ", rdx\n",
        )
    };
}

impl Multiplier for Mulx {
    #[inline(always)]
    fn mul(a: &Fe, b: &Fe) -> Fe {
        let (r0, r1, r2, r3): (u64, u64, u64, u64);
        // SAFETY: reads the 32 bytes of `a` and of `b`, writes registers only, and this type is chosen only
        // where `available()`.
        unsafe {
            asm!(
                "mov rdx, [rdi]",
                "mulx r9, r8, [rsi]",
                "mulx r10, rax, [rsi + 8]",
                "add r9, rax",
                "mulx r11, rax, [rsi + 16]",
                "adc r10, rax",
                "mulx r12, rax, [rsi + 24]",
                "adc r11, rax",
                "adc r12, 0",
                row!("8", "r9", "r10", "r11", "r12", "r13"),
                row!("16", "r10", "r11", "r12", "r13", "r14"),
                row!("24", "r11", "r12", "r13", "r14", "r15"),
                reduce!(),
                in("rsi") a, in("rdi") b,
                out("rax") _, out("rcx") _, out("rdx") _,
                out("r8") _, out("r9") _, out("r10") _, out("r11") _,
                out("r12") r0, out("r13") r1, out("r14") r2, out("r15") r3,
                options(pure, readonly, nostack),
            );
        }
        Fe([r0, r1, r2, r3])
    }

    #[inline(always)]
    fn sqr(a: &Fe) -> Fe {
        let (r0, r1, r2, r3): (u64, u64, u64, u64);
        // SAFETY: as above.
        unsafe {
            asm!(
                // The six products of different limbs, into r9..r14.
                "mov rdx, [rsi]",
                "mulx r10, r9, [rsi + 8]",
                "mulx r11, rax, [rsi + 16]",
                "add r10, rax",
                "mulx r12, rax, [rsi + 24]",
                "adc r11, rax",
                "adc r12, 0",
                "mov rdx, [rsi + 8]",
                "xor r13, r13",
                "mulx rcx, rax, [rsi + 16]",
                "adcx r11, rax",
                "adox r12, rcx",
                "mulx rcx, rax, [rsi + 24]",
                "adcx r12, rax",
                "adox r13, rcx",
                "mov rdx, [rsi + 16]",
                "mulx r14, rax, [rsi + 24]",
                "adcx r13, rax",
                "mov edx, 0",
                "adcx r14, rdx",
                // Twice those.
                "xor r15, r15",
                "add r9, r9",
                "adc r10, r10",
                "adc r11, r11",
                "adc r12, r12",
                "adc r13, r13",
                "adc r14, r14",
                "adc r15, r15",
                // Plus the four squares.
                "mov rdx, [rsi]",
                "mulx rcx, r8, rdx",
                "add r9, rcx",
                "mov rdx, [rsi + 8]",
                "mulx rcx, rax, rdx",
                "adc r10, rax",
                "adc r11, rcx",
                "mov rdx, [rsi + 16]",
                "mulx rcx, rax, rdx",
                "adc r12, rax",
                "adc r13, rcx",
                "mov rdx, [rsi + 24]",
                "mulx rcx, rax, rdx",
                "adc r14, rax",
                "adc r15, rcx",
                reduce!(),
                in("rsi") a,
                out("rax") _, out("rcx") _, out("rdx") _,
                out("r8") _, out("r9") _, out("r10") _, out("r11") _,
                out("r12") r0, out("r13") r1, out("r14") r2, out("r15") r3,
                options(pure, readonly, nostack),
            );
        }
        Fe([r0, r1, r2, r3])
    }
}
