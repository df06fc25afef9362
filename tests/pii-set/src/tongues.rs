//! What people write around a value, by language: sentences that carry it, and sentences that
//! may stand before or after. A sentence must read well with every kind's name in `‹cue›`.

pub(crate) struct Tongue {
    pub(crate) name: &'static str,
    pub(crate) carriers: &'static [&'static str],
    pub(crate) asides: &'static [&'static str],
}

pub(crate) const TONGUES: &[Tongue] = &[
    Tongue {
        name: "en",
        carriers: &[
            "Hi, could you update my file? My ‹cue› is ‹value›. Thanks!",
            "Can you check whether ‹cue› ‹value› is already in the system?",
            "‹name› from ‹city› wrote that the ‹cue› is ‹value›, please confirm.",
            "The ‹cue› on the form reads ‹value›; is that right?",
            "For the ‹thing› we need the customer's ‹cue›. It's ‹value›.",
            "we got another one today (‹cue›: ‹value›), same problem as last week",
            "Write a polite letter. Mention the ‹cue› \"‹value›\" in the second paragraph.",
            "so i typed ‹value› as my ‹cue› and the page just reloads??",
            "Summarise this note: \"Caller gave ‹cue› ‹value›, wants the ‹thing› sent to ‹city›.\"",
            "Please replace the old ‹cue› with ‹value›.",
        ],
        asides: &[
            "I have been waiting for three weeks now.",
            "The ‹thing› was sent to the wrong branch in ‹city›.",
            "Please answer in two short paragraphs.",
            "You are a support assistant for a small insurer.",
            "Nobody picked up when I tried this morning.",
            "Keep the tone friendly, but don't promise a date.",
            "Let me know if anything else is missing.",
            "What would you do in my place?",
            "The weather in ‹city› was awful, by the way.",
            "Answer as JSON with the fields summary and mood.",
            "‹name› and ‹name› are on holiday until Thursday.",
            "Translate everything above into plain English.",
            "(sorry for the typos, I'm on the train)",
            "Thanks in advance, ‹name›",
            "I tried twice, with the same result.",
        ],
    },
    Tongue {
        name: "de",
        carriers: &[
            "Guten Tag, bitte ergänzen Sie in meiner Akte ‹cue› ‹value›. Vielen Dank!",
            "Für die Abrechnung fehlt noch eine Angabe (‹cue› ‹value›).",
            "Ich wohne jetzt in ‹city›, ‹cue›: ‹value›, alles andere bleibt gleich.",
            "Im Formular steht unter „‹cue›“ der Eintrag „‹value›“. Stimmt das?",
            "Schreib bitte eine Antwort an ‹name›, ‹cue› ‹value›, und bitte höflich.",
            "hallo, ‹cue› ist ‹value›, könnt ihr das eintragen?",
        ],
        asides: &[
            "Ich warte seit drei Wochen auf eine Rückmeldung.",
            "Der Vorgang liegt bei der Filiale in ‹city›.",
            "Bitte antworte in zwei kurzen Absätzen.",
            "Mit freundlichen Grüßen, ‹name›",
        ],
    },
    Tongue {
        name: "fr",
        carriers: &[
            "Bonjour, merci de compléter mon dossier, ‹cue› : ‹value›.",
            "Il manque une information sur le formulaire (‹cue› ‹value›).",
            "J'habite désormais à ‹city›, ‹cue› ‹value›, le reste ne change pas.",
            "Rédige une réponse à ‹name› (‹cue› « ‹value› »), sur un ton poli.",
            "salut, ‹cue› c'est ‹value›, tu peux vérifier ?",
        ],
        asides: &[
            "J'attends une réponse depuis trois semaines.",
            "Le colis est parti à ‹city› par erreur.",
            "Réponds en deux paragraphes courts.",
            "Cordialement, ‹name›",
        ],
    },
    Tongue {
        name: "es",
        carriers: &[
            "Buenos días, actualicen por favor mi ficha, ‹cue›: ‹value›.",
            "Falta un dato en el formulario (‹cue› ‹value›).",
            "Ahora vivo en ‹city›, ‹cue› ‹value›, lo demás sigue igual.",
            "Escribe una respuesta a ‹name›, ‹cue› \"‹value›\", en tono cordial.",
            "hola, ‹cue› es ‹value›, ¿lo puedes comprobar?",
        ],
        asides: &[
            "Llevo tres semanas esperando una respuesta.",
            "El paquete se envió por error a ‹city›.",
            "Responde en dos párrafos cortos.",
            "Un saludo, ‹name›",
        ],
    },
    Tongue {
        name: "it",
        carriers: &[
            "Buongiorno, vi prego di aggiornare la mia pratica, ‹cue› ‹value›.",
            "Nel modulo manca un dato (‹cue›: ‹value›).",
            "Ora abito a ‹city›, ‹cue› ‹value›, il resto è invariato.",
            "Scrivi una risposta a ‹name› («‹cue› ‹value›») in tono cortese.",
            "ciao, ‹cue› è ‹value›, puoi controllare?",
        ],
        asides: &[
            "Aspetto una risposta da tre settimane.",
            "Il pacco è finito a ‹city› per errore.",
            "Rispondi in due brevi paragrafi.",
        ],
    },
    Tongue {
        name: "pt",
        carriers: &[
            "Bom dia, por favor atualizem o meu cadastro, ‹cue›: ‹value›.",
            "Falta um dado no formulário (‹cue› ‹value›).",
            "Agora moro em ‹city›, ‹cue› ‹value›, o resto continua igual.",
            "Escreva uma resposta para ‹name›, ‹cue› \"‹value›\", em tom cordial.",
            "oi, ‹cue› é ‹value›, pode conferir?",
        ],
        asides: &[
            "Espero uma resposta há três semanas.",
            "A encomenda foi parar em ‹city› por engano.",
            "Responda em dois parágrafos curtos.",
        ],
    },
    Tongue {
        name: "nl",
        carriers: &[
            "Goedemorgen, graag mijn dossier aanvullen, ‹cue›: ‹value›.",
            "Op het formulier ontbreekt nog iets (‹cue› ‹value›).",
            "Ik woon nu in ‹city›, ‹cue› ‹value›, de rest blijft gelijk.",
            "hoi, ‹cue› is ‹value›, kun je dat nakijken?",
        ],
        asides: &[
            "Ik wacht al drie weken op antwoord.",
            "Antwoord in twee korte alinea's.",
            "Groeten, ‹name›",
        ],
    },
    Tongue {
        name: "pl",
        carriers: &[
            "Dzień dobry, proszę uzupełnić moje dane, ‹cue›: ‹value›.",
            "W formularzu brakuje jednej informacji (‹cue› ‹value›).",
            "Mieszkam teraz w mieście ‹city›, ‹cue› ‹value›, reszta bez zmian.",
            "hej, ‹cue› to ‹value›, możesz sprawdzić?",
        ],
        asides: &[
            "Czekam na odpowiedź od trzech tygodni.",
            "Odpowiedz w dwóch krótkich akapitach.",
            "Pozdrawiam, ‹name›",
        ],
    },
    Tongue {
        name: "sv",
        carriers: &[
            "Hej, kan ni uppdatera mina uppgifter? ‹cue›: ‹value›.",
            "Det saknas en uppgift i blanketten (‹cue› ‹value›).",
            "Jag bor nu i ‹city›, ‹cue› ‹value›, resten är som förut.",
            "hej, ‹cue› är ‹value›, kan du kolla?",
        ],
        asides: &[
            "Jag har väntat på svar i tre veckor.",
            "Svara i två korta stycken.",
            "Vänliga hälsningar, ‹name›",
        ],
    },
    Tongue {
        name: "fi",
        carriers: &[
            "Hei, voitteko päivittää tietoni? ‹cue›: ‹value›.",
            "Lomakkeesta puuttuu yksi tieto (‹cue› ‹value›).",
            "Asun nyt kaupungissa ‹city›, ‹cue› ‹value›, muu on ennallaan.",
            "moi, ‹cue› on ‹value›, voitko tarkistaa?",
        ],
        asides: &[
            "Olen odottanut vastausta kolme viikkoa.",
            "Vastaa kahdessa lyhyessä kappaleessa.",
        ],
    },
    Tongue {
        name: "da",
        carriers: &[
            "Hej, kan I opdatere mine oplysninger? ‹cue›: ‹value›.",
            "Der mangler en oplysning på blanketten (‹cue› ‹value›).",
            "Jeg bor nu i ‹city›, ‹cue› ‹value›, resten er uændret.",
            "hej, ‹cue› er ‹value›, kan du tjekke det?",
        ],
        asides: &[
            "Jeg har ventet på svar i tre uger.",
            "Svar i to korte afsnit.",
        ],
    },
    Tongue {
        name: "no",
        carriers: &[
            "Hei, kan dere oppdatere opplysningene mine? ‹cue›: ‹value›.",
            "Det mangler en opplysning i skjemaet (‹cue› ‹value›).",
            "Jeg bor nå i ‹city›, ‹cue› ‹value›, resten er som før.",
            "hei, ‹cue› er ‹value›, kan du sjekke?",
        ],
        asides: &[
            "Jeg har ventet på svar i tre uker.",
            "Svar i to korte avsnitt.",
        ],
    },
    Tongue {
        name: "tr",
        carriers: &[
            "Merhaba, bilgilerimi günceller misiniz? ‹cue›: ‹value›.",
            "Formda bir bilgi eksik (‹cue› ‹value›).",
            "Artık ‹city› şehrinde yaşıyorum, ‹cue› ‹value›, gerisi aynı.",
            "selam, ‹cue› şu: ‹value›, bakar mısın?",
        ],
        asides: &[
            "Üç haftadır cevap bekliyorum.",
            "İki kısa paragrafla cevap ver.",
        ],
    },
    Tongue {
        name: "zh",
        carriers: &[
            "你好，我的‹cue›是‹value›，请帮我核对一下。",
            "表格里缺少一项（‹cue›：‹value›），请补上。",
            "请用礼貌的语气回复‹name›，并注明‹cue›‹value›谢谢。",
            "‹cue›:‹value›，其他信息不变。",
        ],
        asides: &["我已经等了三个星期。", "请用两段话回答。"],
    },
    Tongue {
        name: "ja",
        carriers: &[
            "お世話になります。‹cue›は‹value›です。ご確認ください。",
            "フォームの‹cue›（‹value›）を修正してください。",
            "‹name›さんに返信を書いてください。‹cue›：‹value›。",
            "新しい‹cue›「‹value›」を登録したいです。",
        ],
        asides: &["三週間返事を待っています。", "短い二段落で答えてください。"],
    },
    Tongue {
        name: "ko",
        carriers: &[
            "안녕하세요, 제 ‹cue›는 ‹value›입니다. 확인 부탁드립니다.",
            "양식에 빠진 항목이 있습니다(‹cue›: ‹value›).",
            "‹cue› ‹value›로 변경해 주세요.",
            "새 ‹cue›: ‹value›, 나머지는 같습니다.",
        ],
        asides: &[
            "3주째 답변을 기다리고 있습니다.",
            "두 단락으로 짧게 답해 주세요.",
        ],
    },
];
