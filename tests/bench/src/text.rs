//! Text to send, made from a seed: prose, code, Chinese and JSON in which no sentence comes twice,
//! and texts that are nothing but what costs a detector or a tokenizer most.
//!
//! Fresh text matters: automata and caches look many times faster on one repeated sentence. What
//! is made here is still poorer in words than what people write; one word in ten is invented, so
//! that a tokenizer meets words it does not know.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// What a text is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// English with a personal value in every twenty-fifth sentence.
    Prose,
    Code,
    Chinese,
    Json,
    /// The four above in turn.
    Mixed,
    /// The cases of the labelled PII set, one after the other, under ever new seeds.
    Dense,
    /// Letters without a space.
    Unbroken,
    /// One string, repeated.
    Run(&'static str),
}

/// Makes texts; no sentence of one comes again in another.
pub(crate) struct Writer {
    state: u64,
    written: HashSet<u64>,
}

impl Writer {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed,
            written: HashSet::new(),
        }
    }

    /// At least `bytes` bytes of a kind, and at most one sentence more.
    pub(crate) fn text(&mut self, kind: Kind, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 4096);
        let mut turn = 0;
        while text.len() < bytes {
            match kind {
                Kind::Run(what) => {
                    text.push_str(&what.repeat((bytes - text.len()).div_ceil(what.len())))
                }
                Kind::Unbroken => text.push(char::from(b'a' + self.below(26) as u8)),
                Kind::Dense => {
                    for case in pii_set::generate(self.next()) {
                        if text.len() >= bytes {
                            break;
                        }
                        text.push_str(&case.text);
                        text.push('\n');
                    }
                }
                Kind::Mixed => {
                    let of = [Kind::Prose, Kind::Code, Kind::Chinese, Kind::Json][turn % 4];
                    let some = (bytes - text.len()).min(1500);
                    text.push_str(&self.text(of, some));
                    text.push('\n');
                }
                Kind::Prose | Kind::Code | Kind::Chinese | Kind::Json => {
                    text.push_str(&self.new_sentence(kind, turn));
                }
            }
            turn += 1;
        }
        text
    }

    fn new_sentence(&mut self, kind: Kind, turn: usize) -> String {
        loop {
            let sentence = match kind {
                Kind::Code => self.function(),
                Kind::Chinese => self.chinese(),
                Kind::Json => self.record(),
                _ if turn % 25 == 7 => self.personal(),
                _ => self.english(),
            };
            let mut hash = DefaultHasher::new();
            sentence.hash(&mut hash);
            if self.written.insert(hash.finish()) {
                return sentence;
            }
        }
    }

    fn english(&mut self) -> String {
        let (a, b) = (self.noun_phrase(), self.noun_phrase());
        let (verb, how) = (self.word(VERBS), self.word(ADVERBS));
        let (again, c, join) = (self.word(VERBS), self.noun_phrase(), self.word(JOINS));
        match self.below(4) {
            0 => format!("{a} {verb} {b} {how}. "),
            1 => format!("{how}, {a} {verb} {b}, {join} it {again} {c}. "),
            2 => format!("Why has {a} {how} {verb} {b}? "),
            _ => format!("{a} {verb} {b} {join} {c} {again} something {how}.\n"),
        }
    }

    fn noun_phrase(&mut self) -> String {
        let (adjective, noun) = (self.word(ADJECTIVES), self.word(NOUNS));
        match self.below(5) {
            0 => self.name(),
            1 => format!("the {noun} of {}", self.name()),
            2 => format!("{} {noun}s", self.below(900) + 2),
            _ => format!("the {adjective} {noun}"),
        }
    }

    fn personal(&mut self) -> String {
        let (first, last, what) = (self.name(), self.name(), self.word(NOUNS));
        let host = self.name().to_lowercase();
        match self.below(3) {
            0 => format!(
                "{first} {last} wrote from {}.{}@{host}.example about the {what}. ",
                first.to_lowercase(),
                last.to_lowercase()
            ),
            1 => format!(
                "Call {first} on +44 20 7946 0{} before the {what} leaves. ",
                100 + self.below(900)
            ),
            _ => format!(
                "The {what} came from 203.0.113.{}, says {last}. ",
                self.below(255)
            ),
        }
    }

    fn function(&mut self) -> String {
        let (name, a, b) = (self.identifier(), self.identifier(), self.identifier());
        let (c, d, noun) = (self.identifier(), self.identifier(), self.word(NOUNS));
        let (n, m) = (self.below(10_000), self.below(64));
        match self.below(3) {
            0 => format!(
                "def {name}({a}, {b}={n}):\n    \"\"\"The {noun} of {a}.\"\"\"\n    {c} = [{d}.{b} for {d} in {a} if {d}.{b} > {m}]\n    return sorted({c}, key=len)[:{m}]\n\n"
            ),
            1 => format!(
                "fn {name}({a}: &[u8], {b}: usize) -> Option<u64> {{\n    let {c} = {a}.get({b}..{b} + {m})?; // the {noun}\n    {c}.iter().try_fold({n}_u64, |{d}, b| {d}.checked_add(u64::from(*b)))\n}}\n\n"
            ),
            _ => format!(
                "const {name} = async ({a}) => {{\n  const {{ {b}, {c} }} = await {d}.fetch(`/{noun}/${{{a}.id}}?limit={n}`);\n  if (!{b}?.length) throw new Error('no {noun}');\n  return {c} ?? {b}.slice(0, {m});\n}};\n\n"
            ),
        }
    }

    fn identifier(&mut self) -> String {
        let (a, b) = (self.word(ADJECTIVES), self.word(NOUNS));
        match self.below(4) {
            0 => b.to_owned(),
            1 => format!("{b}_{}", self.name().to_lowercase()),
            2 => format!("{b}{}", self.name()),
            _ => format!("{a}_{b}"),
        }
    }

    fn chinese(&mut self) -> String {
        let pick = |list, this: &mut Self| this.word(list).to_owned();
        let (who, what, object) = (
            pick(ZH_WHO, self),
            pick(ZH_VERBS, self),
            pick(ZH_NOUNS, self),
        );
        let (like, when, other) = (
            pick(ZH_LIKE, self),
            pick(ZH_WHEN, self),
            pick(ZH_NOUNS, self),
        );
        // A rare character now and then, as in names.
        let rare = char::from_u32(0x4e00 + self.below(20_000) as u32).unwrap_or('一');
        match self.below(4) {
            0 => format!("{when}{who}{what}了{like}的{object}。"),
            1 => format!(
                "{who}说，{like}的{object}比{other}更重要，所以{when}要{what}{rare}先生的{other}。"
            ),
            2 => format!("{when}，{who}为什么没有{what}那个{like}的{object}？"),
            _ => format!(
                "请帮我{what}{rare}{like}的{object}，一共{}个，{when}之前给{who}。",
                self.below(9000)
            ),
        }
    }

    fn record(&mut self) -> String {
        let (key, other, name) = (self.identifier(), self.identifier(), self.name());
        let (state, noun) = (self.word(ADJECTIVES), self.word(NOUNS));
        let (id, n) = (self.next(), self.below(100_000));
        format!(
            "{{\"id\":\"{id:016x}\",\"{key}\":{n},\"{other}\":{{\"name\":\"{name}\",\"state\":\"{state}\",\"path\":\"/var/{noun}\\\\{n}\"}},\"ratio\":0.{n},\"tags\":[\"{noun}\",null,true]}}\n"
        )
    }

    /// A name nobody has.
    fn name(&mut self) -> String {
        let count = 2 + self.below(2);
        let name: String = (0..count).map(|_| self.word(SYLLABLES)).collect();
        name[..1].to_uppercase() + &name[1..]
    }

    fn word(&mut self, list: &'static str) -> &'static str {
        let count = list.split(' ').count();
        let chosen = self.below(count as u64) as usize;
        list.split(' ').nth(chosen).unwrap_or_default()
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

const ADJECTIVES: &str = "old quiet broken annual second hidden narrow remote careful bitter early shared local empty heavy patient silent modern rapid strange useful grey open minor frozen polite distant gentle urgent regular southern partial honest brittle public hollow expensive curious unfinished complicated";
const NOUNS: &str = "report river invoice garden contract engine teacher window station letter meeting harbour argument budget library question machine valley document customer theory surgeon kitchen election mountain network proposal bridge schedule camera island journal orchard mechanism parliament warehouse instrument neighbour railway committee experiment dictionary translation conversation breakfast insurance thunderstorm";
const VERBS: &str = "follows ignores explains repairs describes delays replaces crosses remembers questions finances measures avoids translates records interrupts protects surprises overlooks resembles contradicts approaches delivers rewrites postpones examines summarises borrows returns improves cancels compares observes organises undermines";
const ADVERBS: &str = "slowly yesterday elsewhere rarely again carefully tomorrow reluctantly twice abroad quietly afterwards surprisingly officially often together sooner sideways deliberately nowadays upstairs eventually";
const JOINS: &str = "because although while whenever unless but until since so whereas";
const SYLLABLES: &str = "ma ro vel tes si na ko ar den lu pe ti gra bo mer an dis fel ho rin ka sto wy ja qui or ben tha ne sul pra vo";
const ZH_WHO: &str = "老师 医生 我们 他们 工程师 客户 公司 邻居 学生 经理 研究人员 司机 编辑 同事 律师 农民 政府 作者 团队 供应商";
const ZH_VERBS: &str = "检查 修改 解释 购买 翻译 记录 讨论 发送 取消 比较 保护 设计 测试 批准 整理 观察 推迟 运输 学习 总结 更新 忽略";
const ZH_NOUNS: &str = "合同 报告 机器 问题 计划 数据库 发票 会议 图书馆 桥梁 网络 预算 实验 火车站 花园 课程 账户 保险 地图 河流 建议 文章 系统 仓库 相机";
const ZH_LIKE: &str = "重要 奇怪 安静 昂贵 现代 复杂 简单 破旧 公开 遥远 紧急 完整 普通 隐藏 新鲜 年度 有用 冰冷 礼貌 临时";
const ZH_WHEN: &str =
    "昨天 明天 下个星期 三月 去年 今天早上 会议以后 晚上 周末 很久以前 最近 春节 中午 开学那天";

#[cfg(test)]
mod tests {
    use super::{Kind, Writer};

    #[test]
    fn the_same_seed_makes_the_same_text_and_no_sentence_comes_twice() {
        for kind in [
            Kind::Prose,
            Kind::Code,
            Kind::Chinese,
            Kind::Json,
            Kind::Mixed,
            Kind::Dense,
        ] {
            let text = Writer::new(1).text(kind, 20_000);
            assert_eq!(text, Writer::new(1).text(kind, 20_000), "{kind:?}");
            assert_ne!(text, Writer::new(2).text(kind, 20_000), "{kind:?}");
            assert!(
                (20_000..25_000).contains(&text.len()),
                "{kind:?}: {}",
                text.len()
            );
        }
        let mut writer = Writer::new(3);
        let text = writer.text(Kind::Prose, 30_000) + &writer.text(Kind::Prose, 30_000);
        let mut sentences: Vec<_> = text.split(['.', '?']).filter(|s| s.len() > 40).collect();
        let all = sentences.len();
        sentences.sort_unstable();
        sentences.dedup();
        assert_eq!(sentences.len(), all);
    }

    #[test]
    fn runs_are_cut_to_size() {
        assert_eq!(Writer::new(1).text(Kind::Run("ab"), 5), "ababab");
    }
}
