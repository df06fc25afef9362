//! Keys, tokens and passwords. The shapes are those the vendors document or issue.

use super::{Confidence, Detector, Form, Group, Normal, Own, Part, Trigger, Value};
use crate::bytes::class::{
    ALNUM, BASE64, BASE64URL, CAPITAL, DASH, DIGIT, DOT, EQUALS, HEX, HEX_SMALL, PERCENT,
    PLUS_SLASH, SMALL, TILDE, WORD,
};

const MANY: usize = 512;

const fn run(classes: u16, fewest: usize, most: usize) -> Part {
    Part::Run(classes, fewest, most)
}

const fn row(
    name: &'static str,
    validator: &'static str,
    trigger: Trigger,
    sample: &'static str,
) -> Detector {
    Detector {
        name,
        group: Group::Secret,
        locale: "",
        validator,
        confidence: Confidence::Certain,
        default_on: true,
        default_action: "mask",
        sample,
        trigger,
        context: &[],
        counter: &[],
        normal: Normal::Exact,
    }
}

const fn key(name: &'static str, forms: &'static [Form]) -> Detector {
    row(
        name,
        "the vendor's prefix, alphabet and length",
        Trigger::Forms(forms),
        "",
    )
}

const fn form(literal: &'static str, tail: &'static [Part]) -> Form {
    Form::new(literal, tail)
}

/// Characters of the classes before the literal belong to it, too.
const fn after(
    classes_before: (usize, usize),
    literal: &'static str,
    tail: &'static [Part],
) -> Form {
    Form {
        before: classes_before,
        ..Form::new(literal, tail)
    }
}

/// What follows a setting's name, which itself is no secret.
const fn field(literal: &'static str, tail: &'static [Part]) -> Form {
    Form {
        keep_literal: true,
        ..Form::new(literal, tail)
    }
}

const UUID: &[Part] = &[
    run(HEX, 8, 8),
    Part::Lit("-"),
    run(HEX, 4, 4),
    Part::Lit("-"),
    run(HEX, 4, 4),
    Part::Lit("-"),
    run(HEX, 4, 4),
    Part::Lit("-"),
    run(HEX, 12, 12),
];

pub(super) const TABLE: &[Detector] = &[
    key(
        "OPENAI_KEY",
        &[
            form("sk-proj-", &[run(BASE64URL, 20, MANY)]),
            form("sk-svcacct-", &[run(BASE64URL, 20, MANY)]),
            form("sk-admin-", &[run(BASE64URL, 20, MANY)]),
            form("sk-None-", &[run(BASE64URL, 20, MANY)]),
            form("sk-", &[run(ALNUM, 20, 100)]),
        ],
    ),
    key(
        "ANTHROPIC_KEY",
        &[form("sk-ant-", &[run(BASE64URL, 20, MANY)])],
    ),
    key(
        "OPENROUTER_KEY",
        &[
            form("sk-or-v1-", &[run(HEX, 32, 64)]),
            form("sk-or-", &[run(BASE64URL, 32, 100)]),
        ],
    ),
    key("LANGFUSE_KEY", &[form("sk-lf-", UUID)]),
    key("GROQ_KEY", &[form("gsk_", &[run(ALNUM, 32, 80)])]),
    key("XAI_KEY", &[form("xai-", &[run(ALNUM, 40, 100)])]),
    key("PERPLEXITY_KEY", &[form("pplx-", &[run(ALNUM, 32, 64)])]),
    key("CEREBRAS_KEY", &[form("csk-", &[run(ALNUM, 32, 64)])]),
    key("NVIDIA_KEY", &[form("nvapi-", &[run(BASE64URL, 40, 100)])]),
    key("REPLICATE_TOKEN", &[form("r8_", &[run(ALNUM, 30, 48)])]),
    key("FIREWORKS_KEY", &[form("fw_", &[run(ALNUM, 20, 40)])]),
    key(
        "TOGETHER_KEY",
        &[form("tgp_v1_", &[run(BASE64URL, 30, 64)])],
    ),
    key(
        "HUGGINGFACE_TOKEN",
        &[
            form("hf_", &[run(ALNUM, 30, 40)]),
            form("api_org_", &[run(ALNUM, 30, 40)]),
        ],
    ),
    key(
        "LANGSMITH_KEY",
        &[
            form("lsv2_pt_", &[run(WORD, 32, 64)]),
            form("lsv2_sk_", &[run(WORD, 32, 64)]),
        ],
    ),
    key("PINECONE_KEY", &[form("pcsk_", &[run(WORD, 40, 100)])]),
    key("ELEVENLABS_KEY", &[form("sk_", &[run(HEX_SMALL, 48, 48)])]),
    key(
        "AWS_KEY",
        &[
            form("AKIA", &[run(CAPITAL, 16, 16)]),
            form("ASIA", &[run(CAPITAL, 16, 16)]),
            form("ABIA", &[run(CAPITAL, 16, 16)]),
            form("ACCA", &[run(CAPITAL, 16, 16)]),
        ],
    ),
    row(
        "AWS_SECRET",
        "40 characters of base64 after a word for it",
        Trigger::Labels(
            &[
                "aws_secret_access_key",
                "aws_secret_key",
                "secretaccesskey",
                "secret_access_key",
                "aws secret",
                "secret access key",
                "awssecretkey",
                "aws_secret",
                "secret-access-key",
                "aws secret key",
                "aws secret access key",
            ],
            Value::Base64(40),
        ),
        "aws_secret_access_key = q2Rk0bUo8yT5rW1xZc7vNm3LpHs9JdFgA4eKtYiX",
    ),
    key(
        "AWS_BEDROCK_KEY",
        &[
            form("ABSK", &[run(BASE64 | EQUALS, 100, 160)]),
            form("bedrock-api-key-", &[run(BASE64 | EQUALS, 40, MANY)]),
        ],
    ),
    key(
        "GITHUB_TOKEN",
        &[
            form("ghp_", &[run(ALNUM, 36, 255)]),
            form("gho_", &[run(ALNUM, 36, 255)]),
            form("ghu_", &[run(ALNUM, 36, 255)]),
            form("ghs_", &[run(WORD | DASH | DOT, 36, MANY)]),
            form("ghr_", &[run(ALNUM, 36, 255)]),
            form("github_pat_", &[run(WORD, 40, 255)]),
        ],
    ),
    key(
        "GITLAB_TOKEN",
        &[
            form("glpat-", &[run(BASE64URL | DOT, 20, 300)]),
            form("gldt-", &[run(BASE64URL, 20, 64)]),
            form("glrt-", &[run(BASE64URL | DOT, 20, 64)]),
            form("glptt-", &[run(HEX, 40, 40)]),
            form("glcbt-", &[run(BASE64URL, 20, 80)]),
            form("gloas-", &[run(BASE64URL, 40, 80)]),
            form("glft-", &[run(BASE64URL, 20, 40)]),
            form("glimt-", &[run(BASE64URL, 20, 40)]),
            form("glagent-", &[run(BASE64URL, 40, 64)]),
            form("glsoat-", &[run(BASE64URL, 20, 40)]),
            form("GR1348941", &[run(BASE64URL, 20, 20)]),
        ],
    ),
    key(
        "SLACK_TOKEN",
        &[
            form("xoxb-", &[run(ALNUM | DASH, 18, 255)]),
            form("xoxp-", &[run(ALNUM | DASH, 18, 255)]),
            form("xoxa-", &[run(ALNUM | DASH, 18, 255)]),
            form("xoxr-", &[run(ALNUM | DASH, 18, 255)]),
            form("xoxs-", &[run(ALNUM | DASH, 18, 255)]),
            form("xoxe-", &[run(ALNUM | DASH, 18, 255)]),
            form("xoxe.", &[run(ALNUM | DASH, 18, 255)]),
            form("xoxo-", &[run(ALNUM | DASH, 18, 255)]),
            form("xoxc-", &[run(ALNUM | DASH, 18, 255)]),
            form("xoxd-", &[run(BASE64URL | PERCENT, 18, 400)]),
            form("xapp-", &[run(ALNUM | DASH, 18, 255)]),
        ],
    ),
    key(
        "SLACK_WEBHOOK",
        &[
            form("https://hooks.slack.com/", &[run(BASE64 | EQUALS, 30, 160)]),
            form(
                "hooks.slack.com/services/",
                &[run(BASE64 | EQUALS, 24, 160)],
            ),
        ],
    ),
    key(
        "STRIPE_KEY",
        &[
            form("sk_live_", &[run(ALNUM, 16, 255)]),
            form("rk_live_", &[run(ALNUM, 16, 255)]),
            form("sk_test_", &[run(ALNUM, 16, 255)]),
            form("rk_test_", &[run(ALNUM, 16, 255)]),
            form("pk_live_", &[run(ALNUM, 16, 255)]),
            form("pk_test_", &[run(ALNUM, 16, 255)]),
            form("whsec_", &[run(BASE64 | EQUALS, 24, 255)]),
            form("sk_org_", &[run(ALNUM, 16, 255)]),
        ],
    ),
    row(
        "TWILIO_KEY",
        "AC or SK and 32 hex digits",
        Trigger::Own(Own::Twilio),
        "SK5c1b9a02d7e84f36a1c0b2d9e8f70416",
    ),
    key(
        "SENDGRID_KEY",
        &[form(
            "SG.",
            &[
                run(BASE64URL, 16, 32),
                Part::Lit("."),
                run(BASE64URL, 16, 64),
            ],
        )],
    ),
    key(
        "MAILGUN_KEY",
        &[
            form("key-", &[run(HEX_SMALL, 32, 32)]),
            form("pubkey-", &[run(HEX_SMALL, 32, 32)]),
        ],
    ),
    row(
        "MAILCHIMP_KEY",
        "32 hex digits and a data centre",
        Trigger::Own(Own::Mailchimp),
        "0c5c1b9a02d7e84f36a1c0b2d9e8f704-us12",
    ),
    key("NPM_TOKEN", &[form("npm_", &[run(ALNUM, 36, 64)])]),
    key("PYPI_TOKEN", &[form("pypi-", &[run(BASE64URL, 50, MANY)])]),
    key("GOOGLE_KEY", &[form("AIza", &[run(BASE64URL, 35, 35)])]),
    key(
        "GOOGLE_OAUTH",
        &[
            form("GOCSPX-", &[run(BASE64URL, 20, 40)]),
            form("ya29.", &[run(BASE64URL | DOT, 20, 2048)]),
            form("1//0", &[run(BASE64URL, 40, 128)]),
            form("AQ.Ab8", &[run(BASE64URL, 30, 128)]),
        ],
    ),
    key(
        "AZURE_KEY",
        &[
            field("AccountKey=", &[run(BASE64, 80, 88), run(EQUALS, 0, 2)]),
            field(
                "SharedAccessKey=",
                &[run(BASE64, 40, 88), run(EQUALS, 0, 2)],
            ),
            field(
                "SharedAccessSignature=",
                &[run(BASE64URL | BASE64 | EQUALS | PERCENT, 40, MANY)],
            ),
            field("sig=", &[run(BASE64 | PERCENT | EQUALS, 42, 128)]),
            after((3, 4), "8Q~", &[run(WORD | DASH | DOT | TILDE, 31, 34)]),
            after((3, 4), "7Q~", &[run(WORD | DASH | DOT | TILDE, 31, 34)]),
            after((52, 52), "JQQJ99", &[run(ALNUM, 20, 26)]),
        ],
    ),
    key(
        "DIGITALOCEAN_TOKEN",
        &[
            form("dop_v1_", &[run(HEX, 64, 64)]),
            form("doo_v1_", &[run(HEX, 64, 64)]),
            form("dor_v1_", &[run(HEX, 64, 64)]),
        ],
    ),
    key("HEROKU_KEY", &[form("HRKU-", &[run(BASE64URL, 30, 80)])]),
    row(
        "DISCORD_TOKEN",
        "the user's number in base64, a time, a signature",
        Trigger::Own(Own::Discord),
        "MTE2NzI4MDQ1NTUzNDg5OTIw.GxY3aB.q9Vd2LmTz7cRw1KfXo5uYp8HnJs4EbGiAtQe6D",
    ),
    key(
        "DISCORD_WEBHOOK",
        &[
            form(
                "https://discord.com/api/webhooks/",
                &[run(DIGIT, 15, 22), Part::Lit("/"), run(BASE64URL, 40, 100)],
            ),
            form(
                "https://discordapp.com/api/webhooks/",
                &[run(DIGIT, 15, 22), Part::Lit("/"), run(BASE64URL, 40, 100)],
            ),
        ],
    ),
    key(
        "TELEGRAM_TOKEN",
        &[after((8, 10), ":AA", &[run(BASE64URL, 32, 34)])],
    ),
    key(
        "DATABRICKS_TOKEN",
        &[form(
            "dapi",
            &[run(HEX_SMALL, 32, 32), run(DASH | DIGIT, 0, 2)],
        )],
    ),
    key(
        "SHOPIFY_TOKEN",
        &[
            form("shpat_", &[run(HEX, 32, 32)]),
            form("shpca_", &[run(HEX, 32, 32)]),
            form("shppa_", &[run(HEX, 32, 32)]),
            form("shpss_", &[run(HEX, 32, 32)]),
        ],
    ),
    key(
        "SQUARE_TOKEN",
        &[
            form("sq0atp-", &[run(BASE64URL, 22, 40)]),
            form("sq0csp-", &[run(BASE64URL, 40, 50)]),
            form("EAAA", &[run(BASE64URL, 56, 64)]),
        ],
    ),
    key(
        "LINEAR_KEY",
        &[
            form("lin_api_", &[run(ALNUM, 32, 48)]),
            form("lin_oauth_", &[run(ALNUM, 32, 64)]),
            form("lin_wh_", &[run(ALNUM, 32, 48)]),
        ],
    ),
    key(
        "NOTION_TOKEN",
        &[
            form("ntn_", &[run(ALNUM, 40, 60)]),
            form("secret_", &[run(ALNUM, 43, 43)]),
        ],
    ),
    key(
        "FIGMA_TOKEN",
        &[
            form("figd_", &[run(BASE64URL, 36, 64)]),
            form("figo_", &[run(BASE64URL, 36, 64)]),
            form("figu_", &[run(BASE64URL, 36, 64)]),
        ],
    ),
    key(
        "POSTMAN_KEY",
        &[form(
            "PMAK-",
            &[run(HEX, 24, 24), Part::Lit("-"), run(HEX, 34, 34)],
        )],
    ),
    key(
        "NEW_RELIC_KEY",
        &[
            form("NRAK-", &[run(CAPITAL, 27, 27)]),
            form("NRJS-", &[run(HEX_SMALL, 19, 19)]),
            form("NRII-", &[run(BASE64URL, 32, 32)]),
            form("NRAA-", &[run(HEX, 27, 27)]),
            form("NRSP-", &[run(ALNUM | DASH, 20, 40)]),
            after((32, 36), "NRAL", &[]),
        ],
    ),
    key(
        "SENTRY_TOKEN",
        &[
            form("sntrys_", &[run(BASE64 | WORD | EQUALS, 50, MANY)]),
            form("sntryu_", &[run(HEX, 64, 64)]),
        ],
    ),
    row(
        "SENTRY_DSN",
        "a key of 32 hex digits before an ingest host",
        Trigger::Own(Own::SentryDsn),
        "https://0c5c1b9a02d7e84f36a1c0b2d9e8f704@o12345.ingest.sentry.io/67890",
    ),
    key(
        "GRAFANA_TOKEN",
        &[
            form(
                "glsa_",
                &[run(ALNUM, 32, 32), Part::Lit("_"), run(HEX, 8, 8)],
            ),
            form("glc_", &[run(BASE64 | EQUALS, 32, 400)]),
            form("eyJrIjoi", &[run(BASE64 | EQUALS, 40, 400)]),
        ],
    ),
    key(
        "VAULT_TOKEN",
        &[
            form("hvs.", &[run(BASE64URL, 24, 300)]),
            form("hvb.", &[run(BASE64URL, 24, 300)]),
            form("hvr.", &[run(BASE64URL, 24, 300)]),
        ],
    ),
    key(
        "TERRAFORM_TOKEN",
        &[after(
            (14, 14),
            ".atlasv1.",
            &[run(BASE64URL | EQUALS, 60, 80)],
        )],
    ),
    key(
        "DOCKER_TOKEN",
        &[
            form("dckr_pat_", &[run(BASE64URL, 24, 60)]),
            form("dckr_oat_", &[run(BASE64URL, 24, 60)]),
        ],
    ),
    key(
        "DOPPLER_TOKEN",
        &[
            form("dp.pt.", &[run(ALNUM, 40, 44)]),
            form("dp.st.", &[run(BASE64URL | DOT, 40, 80)]),
            form("dp.ct.", &[run(ALNUM, 40, 44)]),
            form("dp.sa.", &[run(ALNUM, 40, 44)]),
            form("dp.scim.", &[run(ALNUM, 40, 44)]),
            form("dp.audit.", &[run(ALNUM, 40, 44)]),
        ],
    ),
    key(
        "AIRTABLE_TOKEN",
        &[form(
            "pat",
            &[run(ALNUM, 14, 14), Part::Lit("."), run(HEX, 64, 64)],
        )],
    ),
    key(
        "CLOUDFLARE_KEY",
        &[
            form(
                "v1.0-",
                &[run(HEX, 24, 24), Part::Lit("-"), run(HEX, 146, 146)],
            ),
            form("cfut_", &[run(BASE64URL, 30, 80)]),
            form("cfat_", &[run(BASE64URL, 30, 80)]),
        ],
    ),
    key(
        "MAPBOX_TOKEN",
        &[
            form(
                "sk.eyJ",
                &[
                    run(BASE64URL, 40, 255),
                    Part::Lit("."),
                    run(BASE64URL, 16, 64),
                ],
            ),
            form(
                "pk.eyJ",
                &[
                    run(BASE64URL, 40, 255),
                    Part::Lit("."),
                    run(BASE64URL, 16, 64),
                ],
            ),
            form(
                "tk.eyJ",
                &[
                    run(BASE64URL, 40, 255),
                    Part::Lit("."),
                    run(BASE64URL, 16, 64),
                ],
            ),
        ],
    ),
    key("OKTA_TOKEN", &[field("SSWS ", &[run(BASE64URL, 30, 60)])]),
    key(
        "ATLASSIAN_TOKEN",
        &[
            form("ATATT3", &[run(BASE64URL | EQUALS, 40, 300)]),
            form("ATCTT3", &[run(BASE64URL | EQUALS, 40, 300)]),
            form("ATSTT3", &[run(BASE64URL | EQUALS, 40, 300)]),
            form("ATBB", &[run(BASE64URL | EQUALS, 28, 40)]),
            form("ATOA", &[run(BASE64URL | EQUALS, 60, 300)]),
        ],
    ),
    key(
        "DROPBOX_TOKEN",
        &[form("sl.", &[run(BASE64URL | DOT, 60, 2048)])],
    ),
    key("FACEBOOK_TOKEN", &[form("EAA", &[run(ALNUM, 65, 400)])]),
    key(
        "AGE_KEY",
        &[form("AGE-SECRET-KEY-1", &[run(CAPITAL, 58, 58)])],
    ),
    key(
        "ASANA_TOKEN",
        &[
            form(
                "1/1",
                &[run(DIGIT, 12, 16), Part::Lit(":"), run(HEX, 32, 32)],
            ),
            form(
                "2/1",
                &[
                    run(DIGIT, 12, 16),
                    Part::Lit("/"),
                    run(DIGIT, 12, 16),
                    Part::Lit(":"),
                    run(HEX, 32, 32),
                ],
            ),
        ],
    ),
    key(
        "HUBSPOT_TOKEN",
        &[
            form("pat-na1-", UUID),
            form("pat-eu1-", UUID),
            form("pat-na2-", UUID),
        ],
    ),
    key(
        "PLAID_TOKEN",
        &[
            form("access-production-", UUID),
            form("access-sandbox-", UUID),
            form("access-development-", UUID),
        ],
    ),
    key(
        "LAUNCHDARKLY_KEY",
        &[form("sdk-", UUID), form("api-", UUID), form("mob-", UUID)],
    ),
    key(
        "SUPABASE_KEY",
        &[
            form("sbp_", &[run(HEX, 40, 40)]),
            form("sb_secret_", &[run(BASE64URL, 20, 60)]),
        ],
    ),
    key(
        "PLANETSCALE_TOKEN",
        &[
            form("pscale_tkn_", &[run(BASE64URL | DOT | EQUALS, 32, 64)]),
            form("pscale_pw_", &[run(BASE64URL | DOT | EQUALS, 32, 64)]),
            form("pscale_oauth_", &[run(BASE64URL | DOT | EQUALS, 32, 64)]),
        ],
    ),
    key("RENDER_KEY", &[form("rnd_", &[run(ALNUM, 28, 40)])]),
    key(
        "FLY_TOKEN",
        &[
            form("fo1_", &[run(BASE64URL, 40, 48)]),
            form("fm1r_", &[run(BASE64 | EQUALS, 80, MANY)]),
            form("fm1a_", &[run(BASE64 | EQUALS, 80, MANY)]),
            form("fm2_", &[run(BASE64 | EQUALS, 80, MANY)]),
        ],
    ),
    key("NETLIFY_TOKEN", &[form("nfp_", &[run(ALNUM, 36, 48)])]),
    key(
        "VERCEL_TOKEN",
        &[
            form("vcp_", &[run(ALNUM, 24, 80)]),
            form("vck_", &[run(ALNUM, 24, 80)]),
            form("vercel_blob_rw_", &[run(WORD, 24, 80)]),
        ],
    ),
    key("PULUMI_TOKEN", &[form("pul-", &[run(HEX, 40, 40)])]),
    key("RUBYGEMS_KEY", &[form("rubygems_", &[run(HEX, 48, 48)])]),
    key("CRATES_IO_TOKEN", &[form("cio", &[run(ALNUM, 32, 32)])]),
    key("NUGET_KEY", &[form("oy2", &[run(SMALL, 43, 43)])]),
    key("CLOJARS_TOKEN", &[form("CLOJARS_", &[run(HEX, 60, 60)])]),
    key(
        "ADOBE_SECRET",
        &[
            form("p8e-", &[run(ALNUM, 32, 32)]),
            form("p8-", &[run(ALNUM, 32, 32)]),
        ],
    ),
    key("ALIBABA_KEY", &[form("LTAI", &[run(ALNUM, 12, 26)])]),
    key("TENCENT_KEY", &[form("AKID", &[run(ALNUM, 32, 40)])]),
    key(
        "YANDEX_KEY",
        &[
            form("AQVN", &[run(BASE64URL, 35, 38)]),
            form("y0_", &[run(BASE64URL, 50, 64)]),
            form("t1.9eue", &[run(BASE64URL | DOT, 60, MANY)]),
        ],
    ),
    key("BUILDKITE_TOKEN", &[form("bkua_", &[run(HEX, 40, 40)])]),
    key(
        "CIRCLECI_TOKEN",
        &[
            form("CCIPAT_", &[run(WORD, 40, 80)]),
            form("CCIPRJ_", &[run(WORD, 40, 80)]),
        ],
    ),
    key(
        "CONTENTFUL_TOKEN",
        &[form("CFPAT-", &[run(BASE64URL, 40, 64)])],
    ),
    key(
        "DYNATRACE_TOKEN",
        &[
            form(
                "dt0c01.",
                &[run(CAPITAL, 24, 24), Part::Lit("."), run(CAPITAL, 64, 64)],
            ),
            form(
                "dt0s01.",
                &[run(CAPITAL, 8, 24), Part::Lit("."), run(CAPITAL, 64, 64)],
            ),
        ],
    ),
    key(
        "DUFFEL_TOKEN",
        &[
            form("duffel_live_", &[run(BASE64URL, 40, 50)]),
            form("duffel_test_", &[run(BASE64URL, 40, 50)]),
        ],
    ),
    key(
        "EASYPOST_KEY",
        &[
            form("EZAK", &[run(ALNUM, 54, 54)]),
            form("EZTK", &[run(ALNUM, 54, 54)]),
        ],
    ),
    key(
        "FLUTTERWAVE_KEY",
        &[
            form("FLWSECK-", &[run(ALNUM, 32, 32), Part::Lit("-X")]),
            form("FLWSECK_TEST-", &[run(ALNUM, 12, 40)]),
        ],
    ),
    key(
        "BREVO_KEY",
        &[
            form(
                "xkeysib-",
                &[run(HEX, 64, 64), Part::Lit("-"), run(ALNUM, 16, 16)],
            ),
            form(
                "xsmtpsib-",
                &[run(HEX, 64, 64), Part::Lit("-"), run(ALNUM, 16, 16)],
            ),
        ],
    ),
    key(
        "SHIPPO_TOKEN",
        &[
            form("shippo_live_", &[run(HEX, 40, 40)]),
            form("shippo_test_", &[run(HEX, 40, 40)]),
        ],
    ),
    key(
        "SONAR_TOKEN",
        &[
            form("sqp_", &[run(HEX, 40, 40)]),
            form("squ_", &[run(HEX, 40, 40)]),
            form("sqa_", &[run(HEX, 40, 40)]),
        ],
    ),
    key(
        "TYPEFORM_TOKEN",
        &[form("tfp_", &[run(BASE64URL | DOT, 40, 80)])],
    ),
    key(
        "TAILSCALE_KEY",
        &[form("tskey-", &[run(ALNUM | DASH, 20, 80)])],
    ),
    key(
        "ONEPASSWORD_TOKEN",
        &[
            form("ops_eyJ", &[run(BASE64 | EQUALS | WORD, 100, 2048)]),
            form(
                "A3-",
                &[
                    run(CAPITAL, 6, 6),
                    Part::Lit("-"),
                    run(CAPITAL | DASH, 26, 34),
                ],
            ),
        ],
    ),
    key(
        "PREFECT_KEY",
        &[
            form("pnu_", &[run(ALNUM, 36, 36)]),
            form("pnb_", &[run(ALNUM, 36, 36)]),
        ],
    ),
    key(
        "JFROG_KEY",
        &[
            form("AKCp", &[run(ALNUM, 50, 80)]),
            form("cmVmdGtu", &[run(BASE64, 40, 80)]),
        ],
    ),
    key(
        "RAZORPAY_KEY",
        &[
            form("rzp_live_", &[run(ALNUM, 14, 24)]),
            form("rzp_test_", &[run(ALNUM, 14, 24)]),
        ],
    ),
    key(
        "RESEND_KEY",
        &[form(
            "re_",
            &[run(ALNUM, 8, 10), Part::Lit("_"), run(ALNUM, 20, 30)],
        )],
    ),
    key("README_KEY", &[form("rdme_", &[run(SMALL, 70, 70)])]),
    key(
        "SNYK_TOKEN",
        &[form("snyk_uat.", &[run(BASE64URL | DOT, 32, 255)])],
    ),
    key("INFRACOST_KEY", &[form("ico-", &[run(ALNUM, 32, 32)])]),
    key("WAKATIME_KEY", &[form("waka_", UUID)]),
    key(
        "POSTHOG_KEY",
        &[
            form("phx_", &[run(ALNUM, 36, 64)]),
            form("phc_", &[run(ALNUM, 36, 64)]),
        ],
    ),
    key(
        "DATADOG_KEY",
        &[
            form("ddapi_", &[run(ALNUM, 32, 64)]),
            form("pub", &[run(HEX_SMALL, 32, 32)]),
        ],
    ),
    key(
        "TEAMS_WEBHOOK",
        &[form(
            "webhook.office.com/webhookb2/",
            &[run(BASE64URL | DOT | PLUS_SLASH, 60, 300)],
        )],
    ),
    key(
        "EXPO_TOKEN",
        &[form(
            "ExponentPushToken[",
            &[run(BASE64URL, 18, 40), Part::Lit("]")],
        )],
    ),
    key(
        "FIREBASE_KEY",
        &[form(
            "AAAA",
            &[
                run(BASE64URL, 7, 7),
                Part::Lit(":APA91b"),
                run(BASE64URL, 100, 200),
            ],
        )],
    ),
    row(
        "JWT",
        "three parts of base64url, the first a JSON object (RFC 7519)",
        Trigger::Own(Own::Jwt),
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiIsIm4iOjF9.q9Vd2LmTz7cRw1KfXo5uYp8HnJs4EbGi",
    ),
    row(
        "PRIVATE_KEY",
        "PEM armour of a private key (RFC 7468), to its end",
        Trigger::Own(Own::PrivateKey),
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIHq9Vd2LmTz7cRw1KfXo5uYp8HnJs4EbGiAtQe6DxyzA\n-----END PRIVATE KEY-----",
    ),
    row(
        "WALLET_KEY",
        "base58check of 0x80 and 32 bytes",
        Trigger::Own(Own::WalletKey),
        "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ",
    ),
    row(
        "CONNECTION_STRING",
        "a database's URL with a password",
        Trigger::Own(Own::ConnectionString),
        "postgres://app:s3cr9tPw@db.internal:5432/app",
    ),
    row(
        "URL_CREDENTIALS",
        "a URL with a password (RFC 3986 userinfo)",
        Trigger::Own(Own::Url),
        "https://jane:s3cr9tPw@host.example/path",
    ),
    row(
        "BASIC_AUTH",
        "base64 of user:password after Basic (RFC 7617)",
        Trigger::Own(Own::Basic),
        "Authorization: Basic amFuZTpzM2NyOXRQdw==",
    ),
    Detector {
        confidence: Confidence::Likely,
        ..row(
            "BEARER_TOKEN",
            "what follows Bearer (RFC 6750)",
            Trigger::Labels(&["bearer"], Value::Token),
            "Authorization: Bearer 9fQ2xLr7TzVb3KcW8mJd",
        )
    },
    Detector {
        confidence: Confidence::Likely,
        ..row(
            "PASSWORD",
            "what follows a word for password, by its mixture; no placeholder",
            Trigger::Labels(
                &[
                    "password",
                    "passwd",
                    "passphrase",
                    "pwd",
                    "passcode",
                    "identified by",
                    "pass",
                    "passwort",
                    "kennwort",
                    "contraseña",
                    "contrasena",
                    "clave",
                    "mot de passe",
                    "mdp",
                    "motdepasse",
                    "senha",
                    "wachtwoord",
                    "hasło",
                    "haslo",
                    "lösenord",
                    "adgangskode",
                    "salasana",
                    "parola",
                    "şifre",
                    "heslo",
                    "jelszó",
                    "пароль",
                    "密码",
                    "密碼",
                    "口令",
                    "パスワード",
                    "비밀번호",
                    "pw",
                    "पासवर्ड",
                    "mật khẩu",
                    "kata sandi",
                    "parolă",
                    "κωδικός",
                ],
                Value::Password,
            ),
            "password: Tr0ub4dor&3",
        )
    },
    Detector {
        confidence: Confidence::Likely,
        ..row(
            "SECRET",
            "what follows a word for token, key or secret, by its mixture; no placeholder",
            Trigger::Labels(
                &[
                    "token",
                    "secret",
                    "api_key",
                    "apikey",
                    "api-key",
                    "api key",
                    "access_key",
                    "accesskey",
                    "access-key",
                    "access key",
                    "auth_key",
                    "authkey",
                    "private_key",
                    "privatekey",
                    "private key",
                    "secret_key",
                    "secretkey",
                    "secret key",
                    "client_secret",
                    "credential",
                    "credentials",
                    "encryption_key",
                    "encryption key",
                    "signing_key",
                    "signing key",
                    "master_key",
                    "master key",
                    "account_key",
                    "app_key",
                    "appkey",
                    "application_key",
                    "auth",
                    "authorization",
                    "session_id",
                    "sessionid",
                    "session_key",
                    "cookie",
                    "license_key",
                    "service_key",
                    "webhook_secret",
                    "_key",
                    "datadog",
                    "cloudflare",
                    "x-api-key",
                    "密钥",
                    "密鑰",
                    "令牌",
                    "秘密鍵",
                    "トークン",
                    "apiキー",
                    "토큰",
                    "токен",
                    "секрет",
                    "schlüssel",
                    "clé",
                    "clave api",
                    "hmac",
                    "sas",
                    "authentication key",
                    "license key",
                    "subscription key",
                    "subscription-key",
                    "functions-key",
                    "primary key",
                    "storage key",
                    "algolia",
                    "heroku",
                    "fastly",
                    "sshpass",
                    "jenkins",
                ],
                Value::Token,
            ),
            "api_key = 8c1f0b7e2d9a4f63b5e7",
        )
    },
];
